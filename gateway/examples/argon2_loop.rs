//! How many passwords one thread hashes in a second, with the parameters of ucrm.password_work() and nothing else to do.
//! Must never measure anything else: it is what signing in is compared with.
//! Called by tests/bench with the seconds it may take.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};

fn main() -> Result<(), String> {
    let seconds: u64 = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .ok_or("how many seconds?")?;
    let parameters = Params::new(19_456, 2, 1, Some(32)).map_err(|error| error.to_string())?;
    let mut memory = vec![Block::default(); parameters.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let mut hash = [0; 32];
    let mut count = 0_u32;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        argon2
            .hash_password_into_with_memory(
                b"bench password of ours",
                b"somesaltsomesalt",
                &mut hash,
                &mut memory,
            )
            .map_err(|error| error.to_string())?;
        count += 1;
    }
    println!("{}", f64::from(count) / begun.elapsed().as_secs_f64());
    Ok(())
}

//! Owns what ISO 4217 says of currencies: which there are, and how many digits their amounts have after the point.
//! Must never know a rate, nor round: an amount with too many digits is refused.
//! Called by the compiler, for amounts that come and go, and by the leaf `money`.
//!
//! A table of its own: the list changes once in a few years, and a library would bring names and countries into every backend.

/// ISO 4217 list one, without funds, metals and testing codes, by digits.
const CODES: [(u32, &str); 4] = [
    (
        0,
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
    (
        2,
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP \
         CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR \
         IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN \
         NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP \
         SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ZWL",
    ),
];

/// Digits after the point of a currency's amounts; `None` where there is no such currency.
pub fn digits(code: &str) -> Option<u32> {
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let known = |codes: &str| codes.split(' ').any(|known| known == code);
    CODES
        .iter()
        .find(|(_, codes)| is_code && known(codes))
        .map(|(digits, _)| *digits)
}

/// What is taken for digits where the currency is not known.
pub const USUAL: u32 = 2;

/// `1230` minor units with two digits are `12.30`.
pub fn major(minor: i64, digits: u32) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let unit = 10_u64.pow(digits);
    let (whole, rest) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    match digits as usize {
        0 => format!("{sign}{whole}"),
        width => format!("{sign}{whole}.{rest:0width$}"),
    }
}

/// Why an amount has no minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amiss {
    /// It is no decimal number.
    Malformed,
    /// It has more digits after the point than its currency.
    Precise,
    /// It is beyond 64 bits.
    Large,
}

/// `12.3` with two digits are 1230 minor units. No exponent, no sign but `-`.
pub fn minor(amount: &str, digits: u32) -> Result<i64, Amiss> {
    let (sign, unsigned) = match amount.strip_prefix('-') {
        Some(unsigned) => (-1, unsigned),
        None => (1, amount),
    };
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return Err(Amiss::Malformed),
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return Err(Amiss::Malformed);
    }
    let (kept, beyond) = fraction.split_at(fraction.len().min(digits as usize));
    if beyond.bytes().any(|byte| byte != b'0') {
        return Err(Amiss::Precise);
    }
    let width = digits as usize;
    format!("{whole}{kept:0<width$}")
        .parse::<i128>()
        .ok()
        .and_then(|units| i64::try_from(sign * units).ok())
        .ok_or(Amiss::Large)
}

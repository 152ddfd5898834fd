\set n random(1, 16)
select bench.copy_in(:n::int);

# The only entry point. `make help` says what there is.
.PHONY: help run test bench bench-peers lint clean

help:
	@.make/help.sh

run:
	@exec .make/run.sh

test:
	@exec .make/test.sh

bench:
	@exec .make/bench.sh

bench-peers:
	@exec .make/bench.sh peers

lint:
	@exec .make/test.sh format clippy shell

clean:
	@exec .make/clean.sh

# tools: not installed; they work from the source tree
EXTRA_DIST += tools/budget tools/check tools/copy tools/demo tools/demo.py tools/demo_tunnel.py \
	tools/deps .ci/run

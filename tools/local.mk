# tools: not installed; they work from the source tree
EXTRA_DIST += tools/budget tools/check tools/deps .ci/run

"""fuzz_target: a libFuzzer target that is also a test without libFuzzer."""

def fuzz_target(name, srcs, deps, data = [], rounds = 20000):
    """Declares NAME_test and NAME_libfuzzer.

    NAME_test runs the target's seeds and `rounds` seeded mutations of them, with any compiler.
    NAME_libfuzzer is a search without end:
      bazel run --config=fuzz //tests/fuzz:NAME_libfuzzer -- -max_total_time=60 CORPUS

    Args:
      name: the name of the target, "slt_fuzz".
      srcs: what defines the functions of fuzz_target.h.
      deps: what srcs include, besides //sim:types.
      data: what srcs read at run time, by paths from the workspace's root.
      rounds: how many inputs the test tries.
    """
    native.cc_test(
        name = name + "_test",
        srcs = srcs + [
            "driver.cc",
            "fuzz_target.h",
        ],
        args = ["--rounds=%d" % rounds],
        data = data,
        deps = deps + ["//sim:types"],
    )
    native.cc_binary(
        name = name + "_libfuzzer",
        testonly = True,
        srcs = srcs + ["fuzz_target.h"],
        data = data,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = deps + ["//sim:types"],
    )

"""fuzz_target: a libFuzzer target that is also a test without libFuzzer."""

def fuzz_target(name, srcs, deps, data = [], rounds = 20000):
    """Declares NAME_test and NAME_libfuzzer.

    NAME_test runs the target's seeds and `rounds` seeded mutations of them, with any compiler.
    NAME_libfuzzer is a search without end, which tests/fuzz/run builds and starts.

    Args:
      name: the name of the target, "slt_fuzz"; also of the library that both are linked from.
      srcs: what defines the functions of fuzz_target.h.
      deps: what srcs include, besides //base:types.
      data: what srcs read at run time, by paths from the workspace's root.
      rounds: how many inputs the test tries.
    """
    native.cc_library(
        name = name,
        testonly = True,
        srcs = srcs,
        data = data,
        deps = deps + [
            ":fuzz_target",
            "//base:types",
        ],
        alwayslink = True,
    )
    native.cc_test(
        name = name + "_test",
        args = ["--rounds=%d" % rounds],
        deps = [
            name,
            ":driver",
        ],
    )
    native.cc_binary(
        name = name + "_libfuzzer",
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [name],
    )

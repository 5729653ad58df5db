"""cc_proto: a C++ library from .proto files, by Debian's protoc."""

def cc_proto(name, srcs, deps = [], visibility = None):
    """Generates and compiles the C++ of `srcs`.

    Args:
      name: the library's name.
      srcs: the .proto files of this package; imports are from the root.
      deps: other cc_proto libraries whose .proto files these import.
      visibility: as of any rule.
    """
    headers = [src.replace(".proto", ".pb.h") for src in srcs]
    sources = [src.replace(".proto", ".pb.cc") for src in srcs]
    native.filegroup(
        name = name + "_srcs",
        srcs = srcs + [dep + "_srcs" for dep in deps],
        visibility = visibility,
    )
    native.genrule(
        name = name + "_gen",
        srcs = srcs + [dep + "_srcs" for dep in deps],
        outs = headers + sources,
        cmd = "/usr/bin/protoc --proto_path=. --cpp_out=$(GENDIR) " +
              " ".join(["$(location %s)" % src for src in srcs]),
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        copts = ["-w"],
        deps = deps + ["@system//:protobuf"],
        visibility = visibility,
    )

"""embedded_textprotos: textproto files, compiled in: none is needed at run time."""

def embedded_textprotos(name, srcs, header, element, function):
    """Generates NAME.cc, which has `srcs` by name.

    Args:
      name: the rule's and the file's name.
      srcs: the files, whose names without ending are what they are found by.
      header: declares `element` and `function`.
      element: a struct of two strings, a file's name and its text.
      function: answers a std::span of all of them, by name.
    """
    native.genrule(
        name = name + "_cc",
        srcs = srcs,
        outs = [name + ".cc"],
        cmd = """{
          echo '#include "%s"'
          echo 'namespace slablab {'
          echo 'static constexpr %s kTexts[] = {'
          folder=$$(dirname $$(echo $(SRCS) | cut -d' ' -f1))
          for name in $$(basename --suffix=.textproto $(SRCS) | LC_ALL=C sort); do
            echo "{\\"$$name\\", R\\"textproto("
            cat $$folder/$$name.textproto
            echo ')textproto"},'
          done
          echo '};'
          echo 'std::span<const %s> %s() { return kTexts; }'
          echo '}'
        } > $@""" % (header, element, element, function),
    )

"""What the rules of qyn1 tell each other and whoever else asks."""

Qyn1Info = provider(
    doc = "Compressed sources: of one target, and of all that it depends on.",
    fields = {
        "languages": "depset of strings: the languages that targets state with `language`.",
        "objects": "depset of File: the objects (`.qyn1o`) of the target and of its dependencies, " +
                   "dependencies first. What `qyn1_package` links.",
        "parts": "depset of struct(label, object, srcs, executables, strip_prefix, prefix, mode, language, preset, " +
                 "manifest): each object with the target that it was made for and what it was made of.",
        "sources": "depset of File: every source that stands in the objects.",
    },
)

Qyn1PackageInfo = provider(
    doc = "A sealed package.",
    fields = {
        "deterministic": "bool: whether equal sources give equal bytes.",
        "objects": "depset of File: the objects that were linked.",
        "package": "File: the sealed package (`.qyn1`).",
    },
)

Qyn1ToolchainInfo = provider(
    doc = "How to run qyn1.",
    fields = {
        "arguments": "list of File or string: what comes before the arguments of qyn1, in order.",
        "executable": "File or string: the program to start, a string being an absolute path.",
        "files": "depset of File: everything that running it needs.",
        "problem": "string: why there is no qyn1, with what to do; empty when there is one.",
        "tools": "FilesToRunProvider: the same as `files`, as what makes an action fit for a worker.",
    },
)

Qyn1SettingInfo = provider(
    doc = "The value of a build setting (`--@qyn1//:NAME=VALUE`).",
    fields = {"value": "string or list of strings."},
)

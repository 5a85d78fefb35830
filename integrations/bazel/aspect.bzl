"""The aspect: what targets of other rules were made of."""

load(":actions.bzl", "MODES", "MODE_DOC", "compile_object", "merged_info", "new_part", "repository_of")
load(":providers.bzl", "Qyn1Info")
load(":toolchain.bzl", "TOOLCHAIN", "qyn1_tool")

# Attributes whose files are source code.
_SOURCES = [
    "crate_root",
    "embedsrcs",
    "hdrs",
    "resources",
    "src",
    "srcs",
    "textual_hdrs",
]

# Attributes whose files a program needs when it runs.
_DATA = [
    "compile_data",
    "data",
]

_DEPENDENCIES = [
    "associates",
    "crate",
    "deps",
    "embed",
    "exports",
    "implementation_deps",
    "interface_deps",
    "private_deps",
    "proc_macro_deps",
    "runtime_deps",
]

# A word of this kind in a rule's name tells that its targets, as sources of another (a ts_project in the srcs of a
# js_library), stand for what they were made of. Of all others (a genrule) the output is the source.
_LIBRARIES = ["binary", "filegroup", "import", "library", "macro", "project", "test"]

_GeneratorInfo = provider(
    doc = "Whose target's own files, not what it was made of, are the sources of others.",
    fields = [],
)

def _targets(attributes, name):
    value = getattr(attributes, name, None)
    if type(value) == "dict":
        value = value.keys() + value.values()
    elif type(value) != "list":
        value = [value]
    return [item for item in value if type(item) == "Target"]

def _names_its_outputs(attributes):
    """Whether a target names the files that it makes, as a genrule does."""
    outputs = getattr(attributes, "outs", None) or [getattr(attributes, "out", None)]
    return type(outputs) == "list" and type(outputs[0]) == "Label"

def _files_written(target, label):
    """The files of a target that are a part of the repository of `label` as it stands."""
    return depset([
        file
        for file in target.files.to_list()
        if file.is_source and repository_of(file.owner) == repository_of(label)
    ])

def _collected(target, attributes):
    """What a target was made of: a list of depsets of files, and a list of Qyn1Info."""
    files = []
    dependencies = [
        dependency[Qyn1Info]
        for name in _DEPENDENCIES
        for dependency in _targets(attributes, name)
        if Qyn1Info in dependency
    ]
    for name in _SOURCES + _DATA:
        for source in _targets(attributes, name):
            if Qyn1Info in source and _GeneratorInfo not in source:
                dependencies.append(source[Qyn1Info])
            elif name in _DATA:
                files.append(_files_written(source, target.label))
            else:
                files.append(source.files)
    return files, dependencies

def _qyn1_aspect_impl(target, ctx):
    if Qyn1Info in target:
        return []
    generator = not [word for word in ctx.rule.kind.split("_") if word in _LIBRARIES]
    if generator and _names_its_outputs(ctx.rule.attr):
        files, dependencies = [target.files], []
    else:
        files, dependencies = _collected(target, ctx.rule.attr)
    part = None
    sources = depset(transitive = files)
    if sources:
        suffix = "." + ctx.attr.mode if ctx.attr.mode else ""
        part = new_part(
            label = target.label,
            object = ctx.actions.declare_file("_qyn1/%s%s.qyn1o" % (target.label.name, suffix)),
            srcs = sources,
            mode = ctx.attr.mode,
        )
        compile_object(
            ctx,
            qyn1_tool(ctx),
            part,
            struct(
                mode = ctx.attr._mode_setting,
                preset = ctx.attr._preset_setting,
                worker_protocol = ctx.attr._worker_protocol_setting,
            ),
        )
    if not part and not dependencies:
        return []
    info = merged_info(part, dependencies)
    return [info, _GeneratorInfo()] if generator else [info]

qyn1_aspect = aspect(
    doc = """Compresses the sources of targets of other rules.

Takes `srcs`, `hdrs` and the like, and the source files in `data`, of every target that `deps`, `exports` and the like
lead to, whatever its rule. A target in `srcs` or `data` stands for its own sources if its rule is a library, binary,
test, project, macro, import or `filegroup`; else, as a `genrule`, for the files that it makes.""",
    implementation = _qyn1_aspect_impl,
    attr_aspects = _SOURCES + _DATA + _DEPENDENCIES,
    attrs = dict({
        "mode": attr.string(default = "", values = MODES, doc = MODE_DOC),
        "_mode_setting": attr.label(default = "//:mode"),
        "_preset_setting": attr.label(default = "//:preset"),
        "_worker_protocol_setting": attr.label(default = "//:worker_protocol"),
    }, **TOOLCHAIN),
)

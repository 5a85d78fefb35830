"""The aspect: sources of `py_library`, `cc_library`, `rust_library`, `js_library`, `filegroup` and the like."""

load(":actions.bzl", "MODES", "MODE_DOC", "compile_object", "merged_info")
load(":providers.bzl", "Qyn1Info")
load(":toolchain.bzl", "TOOLCHAIN", "qyn1_tool")

_SOURCES = ["srcs", "hdrs", "textual_hdrs"]
_DEPENDENCIES = [
    "deps",
    "embed",
    "exports",
    "implementation_deps",
    "interface_deps",
    "proc_macro_deps",
    "runtime_deps",
]

# Rules whose sources are source code. Of others (genrule), the output is what belongs into a package, not the input.
_KINDS = ("binary", "filegroup", "import", "library", "macro", "project", "test")

def _targets(attributes, name):
    value = getattr(attributes, name, None)
    if type(value) == "list":
        return [item for item in value if type(item) == "Target"]
    return [value] if type(value) == "Target" else []

def _qyn1_aspect_impl(target, ctx):
    if Qyn1Info in target or not ctx.rule.kind.endswith(_KINDS):
        return []
    files = []
    dependencies = []
    for name in _SOURCES:
        for source in _targets(ctx.rule.attr, name):
            if Qyn1Info in source:
                dependencies.append(source[Qyn1Info])
            else:
                files.append(source.files)
    for name in _DEPENDENCIES:
        for dependency in _targets(ctx.rule.attr, name):
            if Qyn1Info in dependency:
                dependencies.append(dependency[Qyn1Info])
    part = None
    if files:
        suffix = "." + ctx.attr.mode if ctx.attr.mode else ""
        part = struct(
            executables = depset(),
            label = target.label,
            mode = ctx.attr.mode,
            object = ctx.actions.declare_file("_qyn1/%s%s.qyn1o" % (target.label.name, suffix)),
            prefix = "",
            srcs = depset(transitive = files),
            strip_prefix = "",
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
    return [merged_info(part, "", dependencies)]

qyn1_aspect = aspect(
    doc = """Compresses the sources of targets of other rules.

Takes `srcs`, `hdrs` and `textual_hdrs` of every library, binary, test and `filegroup` that `deps`, `exports` and the
like lead to.""",
    implementation = _qyn1_aspect_impl,
    attr_aspects = _SOURCES + _DEPENDENCIES,
    attrs = dict({
        "mode": attr.string(default = "", values = MODES, doc = MODE_DOC),
        "_mode_setting": attr.label(default = "//:mode"),
        "_preset_setting": attr.label(default = "//:preset"),
        "_worker_protocol_setting": attr.label(default = "//:worker_protocol"),
    }, **TOOLCHAIN),
)

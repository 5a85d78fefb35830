"""Rules that open packages, and tests of packages.

What needs a secret key reads it from a file outside the build that `--@qyn1//:identity_file` names. It is never an input,
an argument's content or an environment value, and these actions are neither cached nor run remotely.
"""

load(":actions.bzl", "MODES", "MODE_DOC", "add_sources", "label_text", "link_package", "merged_info")
load(":aspect.bzl", "qyn1_aspect")
load(":providers.bzl", "Qyn1Info")
load(":rules.bzl", "SETTINGS", "parts_to_link", "settings_of")
load(":settings.bzl", "setting")
load(":toolchain.bzl", "TOOLCHAIN", "qyn1_tool")

_IDENTITY = dict({
    "_identity_setting": attr.label(default = "//:identity_file"),
}, **TOOLCHAIN)

_PACKAGE = {
    "package": attr.label(
        mandatory = True,
        allow_single_file = True,
        doc = "A `qyn1_package`, or a package in a file.",
    ),
}

_LOCAL = {"no-cache": "1", "no-remote": "1"}

_NO_IDENTITY = "%s: build with --@qyn1//:identity_file=/absolute/path of the file with your secret key"

def _identity_file(ctx):
    path = setting(ctx.attr._identity_setting)
    if not path.startswith("/"):
        fail(_NO_IDENTITY % label_text(ctx.label))
    return path

def _qyn1_unpack_impl(ctx):
    tool = qyn1_tool(ctx)
    folder = ctx.actions.declare_directory(ctx.attr.out or ctx.label.name)
    arguments = ctx.actions.args()
    arguments.add_all(tool.arguments, expand_directories = False)
    arguments.add_all(["unpack", "--quiet", "--identity", _identity_file(ctx)])
    arguments.add_all("--directory", [folder], expand_directories = False)
    arguments.add(ctx.file.package)
    arguments.add_all(ctx.attr.paths)
    ctx.actions.run(
        executable = tool.executable,
        arguments = [arguments],
        inputs = depset([ctx.file.package], transitive = [tool.files]),
        tools = [tool.tools],
        outputs = [folder],
        mnemonic = "Qyn1Unpack",
        progress_message = "Opening %s" % label_text(ctx.label),
        execution_requirements = _LOCAL,
    )
    return [DefaultInfo(files = depset([folder]), runfiles = ctx.runfiles([folder]))]

qyn1_unpack = rule(
    doc = "Opens a package: its files, or some of them, as a folder.",
    implementation = _qyn1_unpack_impl,
    attrs = dict(
        _PACKAGE,
        out = attr.string(
            doc = "The name of the folder; unset: the target's.",
        ),
        paths = attr.string_list(
            doc = "Files and folders to write; none: all.",
        ),
        **_IDENTITY
    ),
)

def _quote(text):
    return "'" + text.replace("'", "'\\''") + "'"

def _words(values):
    """Words of a shell command; files by where a test finds them."""
    return [_quote(value if type(value) == "string" else value.short_path) for value in values]

def _command(tool, arguments):
    """A shell command that runs qyn1 in place of the shell."""
    program = tool.executable
    if type(program) != "string":
        # A program without a slash in its name would be looked for on PATH.
        program = "./" + program.short_path
    return " ".join(["exec", _quote(program)] + _words(tool.arguments + arguments))

def _test_script(ctx, tool, command, files):
    """A test that runs a shell command."""
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(script, "#!/bin/sh\n%s\n" % command, is_executable = True)
    return [DefaultInfo(executable = script, runfiles = ctx.runfiles(files, transitive_files = tool.files))]

def _qyn1_verify_test_impl(ctx):
    tool = qyn1_tool(ctx)
    if setting(ctx.attr._identity_setting):
        command = _command(tool, ["verify", "--identity", _identity_file(ctx), ctx.file.package])
    else:
        # The test fails and not the build, so that wildcards build what else there is.
        command = "echo %s >&2; exit 1" % _quote(_NO_IDENTITY % label_text(ctx.label))
    return _test_script(ctx, tool, command, [ctx.file.package]) + [testing.ExecutionInfo(_LOCAL)]

qyn1_verify_test = rule(
    doc = "Tests that a package opens with the key in `--@qyn1//:identity_file` and that every byte of it is whole.",
    implementation = _qyn1_verify_test_impl,
    attrs = dict(_PACKAGE, **_IDENTITY),
    test = True,
)

def _qyn1_roundtrip_test_impl(ctx):
    tool = qyn1_tool(ctx)
    for target in ctx.attr.deps:
        if Qyn1Info not in target:
            fail("%s: deps: %s gives no sources" % (label_text(ctx.label), label_text(target.label)))
    info = merged_info(None, [target[Qyn1Info] for target in ctx.attr.deps])
    parts = parts_to_link(ctx, tool, info)
    archive = ctx.actions.declare_file(ctx.label.name + ".qyn1")
    link_package(
        ctx,
        tool,
        [part.object for part in parts],
        archive,
        settings_of(ctx),
        [("--no-encrypt", None)],
    )
    sources = ctx.actions.args()
    sources.set_param_file_format("multiline")
    for part in parts:
        add_sources(sources, part, runfiles = True)
    listing = ctx.actions.declare_file(ctx.label.name + ".args")
    ctx.actions.write(listing, sources)
    files = depset(transitive = [part.srcs for part in parts] + [part.executables for part in parts])
    command = _command(tool, ["work", "compare", archive, "@" + listing.short_path])
    return _test_script(ctx, tool, command, [archive, listing] + files.to_list())

qyn1_roundtrip_test = rule(
    doc = """Tests that what is sealed of `deps` comes back byte for byte, with the stated modes.

It needs no key: the objects are linked into an archive that is not encrypted, and that is compared with the sources.""",
    implementation = _qyn1_roundtrip_test_impl,
    attrs = dict(
        SETTINGS,
        deps = attr.label_list(
            mandatory = True,
            aspects = [qyn1_aspect],
            doc = "What a `qyn1_package` has as `deps`.",
        ),
        include_external = attr.bool(
            doc = "Also compare the sources of dependencies in other repositories.",
        ),
        mode = attr.string(default = "", values = MODES, doc = MODE_DOC),
    ),
    test = True,
)

"""The toolchain: how the rules run qyn1."""

load(":providers.bzl", "Qyn1ToolchainInfo")

# A string: before Bazel 6, rules take no labels here.
TOOLCHAIN_TYPE = str(Label("//integrations/bazel:toolchain_type"))

def _qyn1_launcher_impl(ctx):
    script = ctx.actions.declare_file(ctx.label.name + ".py")
    ctx.actions.expand_template(
        template = ctx.file._launcher,
        output = script,
        substitutions = {},
        is_executable = True,
    )
    direct = [script] + ctx.files.data + ([ctx.file.site] if ctx.attr.site else [])
    interpreter = _files_of(ctx.attr.interpreter)
    return [DefaultInfo(
        executable = script,
        files = depset(direct, transitive = [interpreter]),
        runfiles = ctx.runfiles(direct, transitive_files = interpreter),
    )]

def _files_of(interpreter):
    if not interpreter:
        return depset()
    return depset(transitive = [interpreter[DefaultInfo].files, interpreter[DefaultInfo].default_runfiles.files])

_PROGRAM = {
    "data": attr.label_list(
        allow_files = True,
        doc = "More files that running it needs, such as the interpreter's library; all count as its inputs.",
    ),
    "interpreter": attr.label(
        allow_single_file = True,
        cfg = "exec",
        doc = "A Python interpreter (3.10 or later) that is a file of this build.",
    ),
    "site": attr.label(
        allow_single_file = True,
        cfg = "exec",
        doc = "A folder to import qyn1 from, as `qyn1_site` makes it; none: the interpreter has it.",
    ),
}

# A target of its own, since to Bazel 4 only an executable target is a tool, and without a tool there is no worker.
_qyn1_launcher = rule(
    doc = "The script that starts qyn1, with everything that it needs.",
    implementation = _qyn1_launcher_impl,
    attrs = dict(
        _PROGRAM,
        _launcher = attr.label(
            default = "//integrations/bazel:launcher.py",
            allow_single_file = True,
        ),
    ),
    executable = True,
)

def _qyn1_toolchain_impl(ctx):
    if ctx.attr.interpreter and ctx.attr.interpreter_path:
        fail("%s: give interpreter or interpreter_path, not both" % ctx.label)
    if not ctx.attr.problem and not ctx.attr.interpreter and not ctx.attr.interpreter_path:
        fail("%s: interpreter: name a Python interpreter, or give interpreter_path" % ctx.label)
    tool = Qyn1ToolchainInfo(
        arguments = [ctx.executable.launcher] + (["--site", ctx.file.site] if ctx.attr.site else []),
        executable = ctx.file.interpreter if ctx.attr.interpreter else ctx.attr.interpreter_path,
        files = ctx.attr.launcher[DefaultInfo].files,
        problem = ctx.attr.problem,
        tools = ctx.attr.launcher[DefaultInfo].files_to_run,
    )
    return [tool, platform_common.ToolchainInfo(qyn1 = tool)]

_qyn1_toolchain = rule(
    doc = "A Python interpreter with qyn1.",
    implementation = _qyn1_toolchain_impl,
    attrs = dict(
        _PROGRAM,
        interpreter_path = attr.string(
            doc = "The absolute path of a Python interpreter where actions run.",
        ),
        launcher = attr.label(
            mandatory = True,
            cfg = "exec",
            executable = True,
            doc = "The script that starts qyn1.",
        ),
        problem = attr.string(
            doc = "Why there is no qyn1; rules fail with it.",
        ),
    ),
)

def qyn1_toolchain(name, interpreter = None, interpreter_path = "", site = None, data = [], problem = "", **rest):
    """A Python interpreter with qyn1: installed beside it, or in the folder `site`.

    Wrap it in a `toolchain` of type `@qyn1//integrations/bazel:toolchain_type` and register that, or name it with
    `--@qyn1//:toolchain`.

    Args:
      name: the name of the target.
      interpreter: a Python interpreter (3.10 or later) that is a file of this build.
      interpreter_path: the absolute path of one where actions run; give one of the two.
      site: a folder to import qyn1 from, as `qyn1_site` makes it; none: the interpreter has it.
      data: more files that running it needs; all count as inputs of the actions.
      problem: why there is no qyn1; the rules fail with it.
      **rest: attributes that all rules have.
    """
    _qyn1_launcher(
        name = name + ".launcher",
        data = data,
        interpreter = interpreter,
        site = site,
        visibility = ["//visibility:private"],
    )
    _qyn1_toolchain(
        name = name,
        data = data,
        interpreter = interpreter,
        interpreter_path = interpreter_path,
        launcher = ":" + name + ".launcher",
        problem = problem,
        site = site,
        **rest
    )

def _qyn1_site_impl(ctx):
    site = ctx.actions.declare_directory(ctx.label.name)
    arguments = ctx.actions.args()
    arguments.add(ctx.file._unpacker)
    arguments.add_all([site], expand_directories = False)
    arguments.add_all(ctx.files.wheels)
    runfiles = ctx.attr.interpreter[DefaultInfo].default_runfiles.files if ctx.attr.interpreter else depset()
    ctx.actions.run(
        executable = ctx.file.interpreter if ctx.attr.interpreter else ctx.attr.interpreter_path,
        arguments = [arguments],
        inputs = depset(ctx.files.wheels + [ctx.file._unpacker], transitive = [runfiles]),
        outputs = [site],
        mnemonic = "Qyn1Site",
        progress_message = "Unpacking wheels for %s" % ctx.label,
    )
    return [DefaultInfo(files = depset([site]))]

qyn1_site = rule(
    doc = "A folder of unpacked wheels (qyn1's and those that it needs), to run qyn1 without installing it.",
    implementation = _qyn1_site_impl,
    attrs = {
        "interpreter": attr.label(
            allow_single_file = True,
            cfg = "exec",
            doc = "The Python interpreter that unpacks them.",
        ),
        "interpreter_path": attr.string(
            doc = "Its absolute path, if it is no file of this build.",
        ),
        "wheels": attr.label_list(
            mandatory = True,
            allow_files = [".whl"],
            doc = "The wheels of qyn1 and of everything that it requires.",
        ),
        "_unpacker": attr.label(
            default = "//integrations/bazel:unpack_wheels.py",
            allow_single_file = True,
        ),
    },
)

def _qyn1_registered_toolchain_impl(ctx):
    toolchain = ctx.toolchains[TOOLCHAIN_TYPE]
    return [toolchain.qyn1, toolchain]

qyn1_registered_toolchain = rule(
    doc = "The toolchain that Bazel's toolchain resolution chooses.",
    implementation = _qyn1_registered_toolchain_impl,
    toolchains = [TOOLCHAIN_TYPE],
)

# The rules reach the toolchain by this label: toolchain resolution in Bazel 4 and 5 looks at every registered toolchain,
# and some of those that come with them have to be downloaded first.
TOOLCHAIN = {
    "_toolchain": attr.label(
        default = "//:toolchain",
        providers = [Qyn1ToolchainInfo],
    ),
}

def qyn1_tool(ctx):
    """The toolchain's qyn1.

    Args:
      ctx: the context of a rule or aspect that has `TOOLCHAIN`.

    Returns:
      Its Qyn1ToolchainInfo; the build fails where there is none, saying what to do.
    """
    tool = ctx.attr._toolchain[Qyn1ToolchainInfo]
    if tool.problem:
        fail("%s: no toolchain for qyn1: %s" % (ctx.label, tool.problem))
    return tool

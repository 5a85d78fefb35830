"""The rules that make packages."""

load(
    ":actions.bzl",
    "MODES",
    "MODE_DOC",
    "compile_object",
    "label_text",
    "link_package",
    "merged_info",
    "new_part",
    "part_with",
    "repository_of",
)
load(":aspect.bzl", "qyn1_aspect")
load(":providers.bzl", "Qyn1Info", "Qyn1PackageInfo")
load(":settings.bzl", "setting")
load(":toolchain.bzl", "TOOLCHAIN", "qyn1_tool")

SETTINGS = dict({
    "_mode_setting": attr.label(default = "//:mode"),
    "_preset_setting": attr.label(default = "//:preset"),
    "_recipients_setting": attr.label(default = "//:recipients"),
    "_sealing_secret_setting": attr.label(default = "//:sealing_secret_file"),
    "_worker_protocol_setting": attr.label(default = "//:worker_protocol"),
}, **TOOLCHAIN)

SOURCES = {
    "executables": attr.label_list(
        allow_files = True,
        doc = "Sources that may be executed once unpacked. It is this list that counts, not the files' own modes, " +
              "which remote execution does not keep.",
    ),
    "language": attr.string(
        doc = "The language of all sources, such as `python`; unset: found out for each file from its name and content.",
    ),
    "manifest": attr.label(
        allow_single_file = [".toml", ".json"],
        doc = "`pyproject.toml`, `package.json`, `Cargo.toml` or `qyn1.toml` with the project's settings. Its `include` " +
              "and `exclude` do not apply: the sources are named here.",
    ),
    "mode": attr.string(default = "", values = MODES, doc = MODE_DOC),
    "prefix": attr.string(
        doc = "A folder to put the sources in.",
    ),
    "preset": attr.string(
        doc = "The name of a preset (`qyn1 plugins` and docs/priors.md list them).",
    ),
    "srcs": attr.label_list(
        allow_files = True,
        doc = "The sources. A target's are its files.",
    ),
    "strip_prefix": attr.string(
        doc = "A folder to leave out of the front of the sources' paths, which begin at the repository's root; " +
              "`.`: the folder of the BUILD file.",
    ),
}

def settings_of(ctx):
    """The build settings that a rule refers to.

    Args:
      ctx: the context of a rule that has `SETTINGS`.

    Returns:
      A struct of targets.
    """
    return struct(
        mode = ctx.attr._mode_setting,
        preset = ctx.attr._preset_setting,
        worker_protocol = ctx.attr._worker_protocol_setting,
    )

def _dependencies(ctx):
    infos = []
    for target in ctx.attr.deps:
        if Qyn1Info not in target:
            fail("%s: deps: %s gives no sources: neither it nor its deps has any in srcs, hdrs or data; " %
                 (label_text(ctx.label), label_text(target.label)) + "if its output is to be sealed, name it in srcs")
        infos.append(target[Qyn1Info])
    return infos

def own_part(ctx, tool, name):
    """Declare the object of what `srcs` and `executables` name.

    Args:
      ctx: the context of a rule that has `SOURCES` and `SETTINGS`.
      tool: a Qyn1ToolchainInfo.
      name: what to call the object.

    Returns:
      A struct as in `Qyn1Info.parts`, or None if there are no sources.
    """
    if not ctx.files.srcs and not ctx.files.executables:
        return None
    executables = {file: None for file in ctx.files.executables}
    part = new_part(
        label = ctx.label,
        object = ctx.actions.declare_file(name),
        srcs = depset([file for file in ctx.files.srcs if file not in executables]),
        executables = depset(ctx.files.executables),
        language = ctx.attr.language,
        manifest = ctx.file.manifest,
        mode = ctx.attr.mode,
        prefix = ctx.attr.prefix,
        preset = ctx.attr.preset,
        strip_prefix = ctx.label.package if ctx.attr.strip_prefix == "." else ctx.attr.strip_prefix,
    )
    compile_object(ctx, tool, part, settings_of(ctx))
    return part

def _qyn1_library_impl(ctx):
    part = own_part(ctx, qyn1_tool(ctx), ctx.label.name + ".qyn1o")
    info = merged_info(part, _dependencies(ctx))
    return [
        DefaultInfo(files = depset([part.object] if part else [])),
        info,
        OutputGroupInfo(qyn1_objects = info.objects),
    ]

qyn1_library = rule(
    doc = """Compresses sources to an object (`NAME.qyn1o`), one action of its own.

An object is not encrypted. It holds the sources for the package that is made of it, and stays in the build's caches.""",
    implementation = _qyn1_library_impl,
    attrs = dict(SOURCES, deps = attr.label_list(
        aspects = [qyn1_aspect],
        doc = "Other `qyn1_library` targets, and targets of any rule: libraries, binaries, tests, `filegroup`s.",
    ), **SETTINGS),
    provides = [Qyn1Info],
)

def parts_to_link(ctx, tool, info):
    """Which objects stand in a package.

    A file that several targets have is in the object of the first one only; for the others, objects without it are made.

    Args:
      ctx: the context of a rule with `SETTINGS` and the attributes `mode` and `include_external`.
      tool: a Qyn1ToolchainInfo.
      info: the Qyn1Info of everything.

    Returns:
      list of structs as in `Qyn1Info.parts`, each target once.
    """
    own = repository_of(ctx.label)
    chosen = {}
    for part in info.parts.to_list():
        if not ctx.attr.include_external and repository_of(part.label) not in ("", own):
            continue
        key = label_text(part.label)
        if key not in chosen or part.mode == ctx.attr.mode:
            chosen[key] = part
    seen = {}
    return [part for part in [_rest(ctx, tool, part, seen) for part in chosen.values()] if part]

def _rest(ctx, tool, part, seen):
    """The part without the files that are in `seen`, to which its files are added; None if it has no others."""
    all_srcs, all_executables = part.srcs.to_list(), part.executables.to_list()
    srcs = _unseen(part, all_srcs, False, seen)
    executables = _unseen(part, all_executables, True, seen)
    if len(srcs) == len(all_srcs) and len(executables) == len(all_executables):
        return part
    if not srcs and not executables:
        return None
    name = "_qyn1/%s/%s/%s" % (ctx.label.name, repository_of(part.label), part.object.short_path.replace("../", ""))
    rest = part_with(part, ctx.actions.declare_file(name), depset(srcs), depset(executables))
    compile_object(ctx, tool, rest, settings_of(ctx))
    return rest

def _unseen(part, files, executable, seen):
    """Those of the files that do not yet come to the same path with the same mode."""
    fresh = []
    for file in files:
        key = (file, part.strip_prefix, part.prefix, executable)
        if key not in seen:
            seen[key] = None
            fresh.append(file)
    return fresh

def _recipients(ctx):
    """Options that name the recipients, and the files that hold some."""
    replaced = [key for key in setting(ctx.attr._recipients_setting) if key]
    keys = replaced or ctx.attr.recipients
    files = [] if replaced else ctx.files.recipients_files
    where = "--@qyn1//:recipients" if replaced else "recipients"
    for key in keys:
        if "secret-key" in key.lower():
            fail("%s: %s: this is a secret key; take it out (and make a new one), and name the public key, age1..." %
                 (label_text(ctx.label), where))
        if not key.startswith("age1"):
            fail("%s: %s: %r is no public key; they begin with age1, and files that hold some go into recipients_files" %
                 (label_text(ctx.label), where, key))
    if not keys and not files and not ctx.file.manifest:
        fail(("%s: recipients: nobody could open this package; name public keys (age1...) in recipients, files of them " +
              "in recipients_files, or build with --@qyn1//:recipients=age1...") % label_text(ctx.label))
    return [("--recipient=" + key, None) for key in keys] + [("--recipients-file=%s", file) for file in files], files

def _sealing(ctx):
    """Options for the kind of sealing, and whether a secret is used."""
    if ctx.attr.deterministic and ctx.attr.convergent:
        fail("%s: deterministic, convergent: choose one" % label_text(ctx.label))
    if ctx.attr.convergent:
        return [("--convergent", None)], False
    if not ctx.attr.deterministic:
        return [], False
    path = setting(ctx.attr._sealing_secret_setting)
    if not path.startswith("/"):
        fail(("%s: deterministic: build with --@qyn1//:sealing_secret_file=/absolute/path of a file with 32 or more " +
              "random bytes, outside the workspace") % label_text(ctx.label))
    return [("--deterministic", None), ("--sealing-secret-file=" + path, None)], True

def _qyn1_package_impl(ctx):
    tool = qyn1_tool(ctx)
    recipients, files = _recipients(ctx)
    sealing, secret = _sealing(ctx)
    part = own_part(ctx, tool, ctx.label.name + ".srcs.qyn1o")
    info = merged_info(part, _dependencies(ctx))
    objects = [chosen.object for chosen in parts_to_link(ctx, tool, info)]
    output = ctx.actions.declare_file(ctx.attr.out or ctx.label.name + ".qyn1")
    options = recipients + sealing
    if ctx.file.manifest:
        options.append(("--manifest=%s", ctx.file.manifest))
        files = files + [ctx.file.manifest]
    if ctx.attr.mode == "security":
        options.append(("--mode=security", None))
    if ctx.attr.public_name:
        options.append(("--name=" + ctx.attr.public_name, None))
    if ctx.attr.armor:
        options.append(("--armor", None))
    link_package(ctx, tool, objects, output, settings_of(ctx), options, inputs = files, secret = secret)
    return [
        DefaultInfo(files = depset([output]), runfiles = ctx.runfiles([output])),
        Qyn1PackageInfo(
            deterministic = ctx.attr.deterministic or ctx.attr.convergent,
            objects = depset(objects),
            package = output,
        ),
        OutputGroupInfo(qyn1_objects = depset(objects)),
    ]

qyn1_package = rule(
    doc = """Seals the sources of targets, and of all that they depend on, into one package (`NAME.qyn1`).

The objects of the targets are linked; only what changed was compressed again. Sealing takes public keys only.""",
    implementation = _qyn1_package_impl,
    attrs = dict(
        SOURCES,
        armor = attr.bool(
            doc = "Write text (PEM) instead of bytes.",
        ),
        convergent = attr.bool(
            doc = "Equal sources give equal bytes, without a secret: who can guess all sources can confirm the guess.",
        ),
        deps = attr.label_list(
            aspects = [qyn1_aspect],
            doc = "`qyn1_library` targets, and targets of any rule: libraries, binaries, tests, `filegroup`s.",
        ),
        deterministic = attr.bool(
            doc = "Equal sources give equal bytes. The keys are derived from the secret in the file that " +
                  "`--@qyn1//:sealing_secret_file` names; the action is neither cached nor run remotely.",
        ),
        include_external = attr.bool(
            doc = "Also seal the sources of dependencies in other repositories.",
        ),
        out = attr.string(
            doc = "The name of the package; unset: `NAME.qyn1`.",
        ),
        public_name = attr.string(
            doc = "A name that anyone can read from the package without a key; unset: none is published.",
        ),
        recipients = attr.string_list(
            doc = "Public keys (`age1...`) whose holders can open the package. `--@qyn1//:recipients` replaces them.",
        ),
        recipients_files = attr.label_list(
            allow_files = True,
            doc = "Files with one public key a line.",
        ),
        **SETTINGS
    ),
    provides = [Qyn1PackageInfo],
)

"""The two actions: compile sources to an object, link objects to a package."""

load(":providers.bzl", "Qyn1Info")
load(":settings.bzl", "setting")

MODES = ["", "fast", "balanced", "maximum", "security"]

MODE_DOC = "What to optimise: `fast` (time), `balanced`, `maximum` (size) or `security` (files share nothing, lengths " + \
           "are padded). Unset: what `--@qyn1//:mode`, `manifest` or the preset says."

def label_text(label):
    """A label as a user writes it.

    Args:
      label: a Label.

    Returns:
      `//package:name`, with the repository's name in front if it is not the main one.
    """
    name = repository_of(label)
    return "%s//%s:%s" % ("@" + name if name else "", label.package, label.name)

def repository_of(label):
    """The repository that a label is in.

    Args:
      label: a Label.

    Returns:
      Its canonical name; empty for the main repository.
    """
    if hasattr(label, "repo_name"):
        return label.repo_name
    return label.workspace_name

def new_part(
        label,
        object,
        srcs,
        executables = None,
        language = "",
        manifest = None,
        mode = "",
        prefix = "",
        preset = "",
        strip_prefix = ""):
    """What an object is made of.

    Args:
      label: the Label of the target that the object is made for.
      object: the File to write.
      srcs: depset of File.
      executables: depset of File: sources that may be executed once unpacked; None: none.
      language: that of all sources; empty: found out for each.
      manifest: the File with the project's settings, or None.
      mode: empty: what the build says.
      prefix: a folder to put the sources in.
      preset: empty: what the build says.
      strip_prefix: a folder to leave out of the front of the sources' paths.

    Returns:
      A struct as in `Qyn1Info.parts`.
    """
    return struct(
        executables = executables or depset(),
        label = label,
        language = language,
        manifest = manifest,
        mode = mode,
        object = object,
        prefix = prefix,
        preset = preset,
        srcs = srcs,
        strip_prefix = strip_prefix,
    )

def part_with(part, object, srcs, executables):
    """A part of other files that is treated alike.

    Args:
      part: a struct as in `Qyn1Info.parts`.
      object: the File to write.
      srcs: depset of File.
      executables: depset of File.

    Returns:
      A struct as in `Qyn1Info.parts`.
    """
    alike = ["label", "language", "manifest", "mode", "prefix", "preset", "strip_prefix"]
    return new_part(
        object = object,
        srcs = srcs,
        executables = executables,
        **{name: getattr(part, name) for name in alike}
    )

def _source_line(file):
    return "%s\t%s" % (file.short_path, file.path)

def _runfile_line(file):
    return "%s\t%s" % (file.short_path, file.short_path)

def _object_line(file):
    return "%s\t%s" % (file.path, file.owner)

def _escape(text):
    return text.replace("%", "%%")

def add_sources(arguments, part, runfiles = False):
    """Name the sources of an object on a command line.

    Args:
      arguments: the Args to add to.
      part: a struct as in `Qyn1Info.parts`.
      runfiles: whether the files stand in a test's runfiles, instead of the execution root.
    """
    line = _runfile_line if runfiles else _source_line
    tail = "\t%s\t%s" % (_escape(part.strip_prefix), _escape(part.prefix))
    arguments.add_all(part.srcs, map_each = line, format_each = "--file=%s\t644" + tail)
    arguments.add_all(part.executables, map_each = line, format_each = "--file=%s\t755" + tail)

def _arguments(ctx, tool, protocol):
    """The command that starts qyn1, as one-shot or as a worker, and an empty parameter file for it."""
    start = ctx.actions.args()
    start.add_all(tool.arguments, expand_directories = False)
    start.add("work")
    start.add("--worker-protocol=" + protocol)
    step = ctx.actions.args()
    step.set_param_file_format("multiline")
    step.use_param_file("@%s", use_always = True)
    return start, step

def _requirements(protocol, secret = False):
    requirements = {
        "requires-worker-protocol": protocol,
        "supports-multiplex-sandboxing": "1",
        "supports-multiplex-workers": "1",
        "supports-path-mapping": "1",
        "supports-worker-cancellation": "1",
        "supports-workers": "1",
        "worker-key-mnemonic": "Qyn1",  # one worker for both actions
    }
    if secret:
        # The output depends on a file that the key of a cache does not see, and the secret stays on this machine.
        requirements.update({"no-cache": "1", "no-remote": "1"})
    return requirements

def compile_object(ctx, tool, part, settings):
    """Declare the action that makes one object.

    Args:
      ctx: the context of a rule or an aspect.
      tool: a Qyn1ToolchainInfo.
      part: a struct as in `Qyn1Info.parts`.
      settings: the targets of the build settings `mode`, `preset` and `worker_protocol`, by name.
    """
    protocol = setting(settings.worker_protocol)
    start, step = _arguments(ctx, tool, protocol)
    step.add("object")
    step.add("--force")
    step.add("--workers=1")  # Bazel counts this action as one CPU
    step.add("--target=" + label_text(part.label))
    step.add_all([part.object], format_each = "--output=%s")
    mode = part.mode or setting(settings.mode)
    if mode:
        step.add("--mode=" + mode)
    preset = part.preset or setting(settings.preset)
    if preset:
        step.add("--preset=" + preset)
    if part.language:
        step.add("--language=" + part.language)
    manifest = [part.manifest] if part.manifest else []
    step.add_all(manifest, format_each = "--manifest=%s")
    add_sources(step, part)
    ctx.actions.run(
        executable = tool.executable,
        arguments = [start, step],
        inputs = depset(manifest, transitive = [part.srcs, part.executables, tool.files]),
        tools = [tool.tools],
        outputs = [part.object],
        mnemonic = "Qyn1Compile",
        progress_message = "Compressing the sources of %s" % label_text(part.label),
        execution_requirements = _requirements(protocol),
    )

def link_package(ctx, tool, objects, output, settings, options, inputs = [], secret = False):
    """Declare the action that links objects into one package.

    Args:
      ctx: the context of a rule.
      tool: a Qyn1ToolchainInfo.
      objects: list of File.
      output: the File to write.
      settings: the target of the build setting `worker_protocol`, by name.
      options: list of (format, File or None): more arguments; the format has one `%s` for the File.
      inputs: list of File that the options name.
      secret: whether the options name a secret outside the build.
    """
    protocol = setting(settings.worker_protocol)
    start, step = _arguments(ctx, tool, protocol)
    step.add("link")
    step.add("--force")
    step.add("--target=" + label_text(ctx.label))
    step.add_all([output], format_each = "--output=%s")
    for text, file in options:
        if file:
            step.add_all([file], format_each = text)
        else:
            step.add(text)
    step.add_all(objects, map_each = _object_line)
    ctx.actions.run(
        executable = tool.executable,
        arguments = [start, step],
        inputs = depset(objects + inputs, transitive = [tool.files]),
        tools = [tool.tools],
        outputs = [output],
        mnemonic = "Qyn1Package",
        progress_message = "Sealing %s" % label_text(ctx.label),
        execution_requirements = _requirements(protocol, secret),
    )

def merged_info(part, dependencies):
    """The Qyn1Info of one object and of what it depends on.

    Args:
      part: a struct as in `Qyn1Info.parts`, or None.
      dependencies: list of Qyn1Info.

    Returns:
      A Qyn1Info.
    """
    return Qyn1Info(
        languages = depset(
            [part.language] if part and part.language else [],
            transitive = [info.languages for info in dependencies],
        ),
        objects = depset(
            [part.object] if part else [],
            transitive = [info.objects for info in dependencies],
            order = "postorder",
        ),
        parts = depset(
            [part] if part else [],
            transitive = [info.parts for info in dependencies],
            order = "postorder",
        ),
        sources = depset(
            transitive = ([part.srcs, part.executables] if part else []) + [info.sources for info in dependencies],
        ),
    )

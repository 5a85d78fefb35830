"""Repository rules: the qyn1 that is installed, and sealed packages as external repositories."""

_HOW_TO_INSTALL = "install it (pip install qyn1), set QYN1 to the path of the command, or register a toolchain of " + \
                  "your own (docs/bazel.md)"

def _own_label(text):
    """A label of this repository as it is written in a generated BUILD file."""
    label = str(Label(text))
    return "@qyn1" + label if label.startswith("//") else label

def _find(repository_ctx):
    """The path of the command qyn1, or None."""
    named = repository_ctx.os.environ.get("QYN1", "")
    if named:
        return named
    return repository_ctx.which("qyn1")

def _interpreter(repository_ctx, command):
    """The Python that a command runs on, and why it cannot be told."""
    path = repository_ctx.path(command)
    first = repository_ctx.read(path).split("\n")[0] if path.exists else ""
    named = first[2:].strip()
    if first.startswith("#!/") and named.split("/")[-1].startswith("python") and " " not in named:
        return named, ""
    result = repository_ctx.execute([command, "work", "--describe"])
    if result.return_code:
        return None, "%s does not work: %s; %s" % (command, result.stderr.strip(), _HOW_TO_INSTALL)
    return json.decode(result.stdout)["interpreter"], ""

def _describe(repository_ctx):
    """What the installed qyn1 says of itself, and why there is none."""

    # First of all: Bazel starts over when a label leads to a repository that it has not loaded yet.
    launcher = repository_ctx.path(Label("//integrations/bazel:launcher.py"))
    command = _find(repository_ctx)
    if not command:
        return None, "there is no qyn1 on PATH; " + _HOW_TO_INSTALL
    interpreter, problem = _interpreter(repository_ctx, command)
    if not interpreter:
        return None, problem

    # Actions have no PYTHONPATH: what they will see is what counts.
    result = repository_ctx.execute(
        [interpreter, launcher, "work", "--describe"],
        environment = {"PYTHONPATH": ""},
    )
    if result.return_code:
        return None, "%s does not work: %s; %s" % (interpreter, result.stderr.strip(), _HOW_TO_INSTALL)
    return json.decode(result.stdout), ""

def _resolves_toolchains_offline():
    """Whether toolchain resolution works without a download, as it does from Bazel 6 on."""
    major = (getattr(native, "bazel_version", None) or "").split(".")[0]
    return major.isdigit() and int(major) >= 6

def _qyn1_local_impl(repository_ctx):
    found, problem = _describe(repository_ctx)

    # An input of every action: a cache forgets what another version of qyn1 or of a plugin made.
    repository_ctx.file("fingerprint.txt", found["fingerprint"] + "\n" if found else "")
    repository_ctx.file("BUILD.bazel", """\
load({bzl}, "qyn1_toolchain")

qyn1_toolchain(
    name = "qyn1",
    data = ["fingerprint.txt"],
    interpreter_path = {interpreter},
    problem = {problem},
)

toolchain(
    name = "toolchain",
    toolchain = ":qyn1",
    toolchain_type = {type},
)

alias(
    name = "default",
    actual = {default},
    visibility = ["//visibility:public"],
)
""".format(
        default = repr(
            _own_label("//integrations/bazel:registered_toolchain") if _resolves_toolchains_offline() else ":qyn1",
        ),
        bzl = repr(_own_label("//integrations/bazel:toolchain.bzl")),
        interpreter = repr(found["interpreter"] if found else ""),
        problem = repr(problem),
        type = repr(_own_label("//integrations/bazel:toolchain_type")),
    ))

qyn1_local = repository_rule(
    doc = "Finds the installed qyn1 (the environment variable QYN1, or PATH). It has the target `:toolchain`.",
    implementation = _qyn1_local_impl,
    configure = True,
    environ = ["PATH", "QYN1"],
    local = True,
)

# buildifier: disable=unnamed-macro
def qyn1_register_toolchains(name = "qyn1_local"):
    """For a WORKSPACE: use the qyn1 that is installed.

    Args:
      name: the name of the repository with the toolchain.
    """
    qyn1_local(name = name)
    native.register_toolchains("@%s//:toolchain" % name)

def _identity_file(repository_ctx):
    path = repository_ctx.attr.identity_file or repository_ctx.os.environ.get("QYN1_IDENTITY_FILE", "")
    if not path.startswith("/"):
        fail("qyn1_archive %s: name the file with your secret key, by its absolute path, in the environment variable " %
             repository_ctx.name + "QYN1_IDENTITY_FILE or the attribute identity_file")
    return path

def _qyn1_archive_impl(repository_ctx):
    command = _find(repository_ctx)
    if not command:
        fail("qyn1_archive %s: there is no qyn1 on PATH; install it (pip install qyn1), or set QYN1" %
             repository_ctx.name)
    identity = _identity_file(repository_ctx)
    if bool(repository_ctx.attr.urls) == bool(repository_ctx.attr.package):
        fail("qyn1_archive %s: give either urls or package" % repository_ctx.name)
    if repository_ctx.attr.urls:
        repository_ctx.download(repository_ctx.attr.urls, "package.qyn1", repository_ctx.attr.sha256)
        package = repository_ctx.path("package.qyn1")
    else:
        package = repository_ctx.path(repository_ctx.attr.package)
    result = repository_ctx.execute(
        [command, "unpack", package, "--quiet", "--directory", "unpacked", "--identity", identity],
        timeout = 3600,
    )
    if result.return_code:
        fail("qyn1_archive %s: %s" % (repository_ctx.name, result.stderr.strip()))
    root = repository_ctx.path("unpacked/" + repository_ctx.attr.strip_prefix)
    if not root.exists:
        fail("qyn1_archive %s: strip_prefix: the package has no folder %r" %
             (repository_ctx.name, repository_ctx.attr.strip_prefix))
    for child in root.readdir():
        repository_ctx.symlink(child, child.basename)
    if repository_ctx.attr.build_file:
        repository_ctx.delete("BUILD.bazel")
        repository_ctx.symlink(repository_ctx.attr.build_file, "BUILD.bazel")
    elif repository_ctx.attr.build_file_content:
        repository_ctx.delete("BUILD.bazel")
        repository_ctx.file("BUILD.bazel", repository_ctx.attr.build_file_content)

ARCHIVE_ATTRIBUTES = {
    "build_file": attr.label(
        allow_single_file = True,
        doc = "The BUILD file of the repository, instead of one in the package.",
    ),
    "build_file_content": attr.string(
        doc = "The text of that BUILD file.",
    ),
    "identity_file": attr.string(
        doc = "The absolute path of a file with the secret key; unset: the environment variable QYN1_IDENTITY_FILE.",
    ),
    "package": attr.label(
        allow_single_file = True,
        doc = "The package, if it is a file of this workspace.",
    ),
    "sha256": attr.string(
        doc = "The SHA-256 of the package that `urls` lead to.",
    ),
    "strip_prefix": attr.string(
        doc = "The folder in the package that becomes the top of the repository.",
    ),
    "urls": attr.string_list(
        doc = "Where the package is; the first that answers counts.",
    ),
}

qyn1_archive = repository_rule(
    doc = "Fetches a sealed package, opens it with your key, and makes its files an external repository. Nothing is " +
          "written unless all of the package is whole and authentic.",
    implementation = _qyn1_archive_impl,
    attrs = ARCHIVE_ATTRIBUTES,
    environ = ["PATH", "QYN1", "QYN1_IDENTITY_FILE"],
)

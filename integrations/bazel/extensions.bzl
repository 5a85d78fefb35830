"""The module extension, for MODULE.bazel."""

load(":repositories.bzl", "ARCHIVE_ATTRIBUTES", "qyn1_archive", "qyn1_local")

def _qyn1_impl(module_ctx):
    qyn1_local(name = "qyn1_local")
    for module in module_ctx.modules:
        for tag in module.tags.archive:
            qyn1_archive(
                name = tag.name,
                **{name: getattr(tag, name) for name in ARCHIVE_ATTRIBUTES}
            )

qyn1 = module_extension(
    doc = "The installed qyn1 (`@qyn1_local`), and a repository for each `archive` tag.",
    implementation = _qyn1_impl,
    tag_classes = {
        "archive": tag_class(
            doc = "A sealed package as a repository; see `qyn1_archive`.",
            attrs = dict(ARCHIVE_ATTRIBUTES, name = attr.string(mandatory = True, doc = "The repository's name.")),
        ),
    },
)

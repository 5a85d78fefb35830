"""Build settings: what a build says on its command line (`--@qyn1//:NAME=VALUE`) instead of in BUILD files."""

load(":providers.bzl", "Qyn1SettingInfo")

def _setting_impl(ctx):
    value = ctx.build_setting_value
    allowed = getattr(ctx.attr, "values", [])
    if allowed and value not in allowed:
        fail("%s must be one of %s, not %r" % (ctx.label, ", ".join([repr(word) for word in allowed]), value))
    return [Qyn1SettingInfo(value = value)]

string_setting = rule(
    doc = "A text; `values`, if given, are the only ones allowed.",
    implementation = _setting_impl,
    attrs = {"values": attr.string_list(doc = "The allowed values; none: any.")},
    build_setting = config.string(flag = True),
)

list_setting = rule(
    doc = "A list of texts, on the command line separated by commas.",
    implementation = _setting_impl,
    build_setting = config.string_list(flag = True),
)

def setting(target):
    """The value of a build setting.

    Args:
      target: the attribute that refers to it.

    Returns:
      Its value, a string or a list of strings.
    """
    return target[Qyn1SettingInfo].value

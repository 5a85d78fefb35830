"""The public interface of qyn1 for Bazel: `load("@qyn1//:defs.bzl", "qyn1_library", "qyn1_package")`.

docs/bazel.md is the manual, docs/bazel_reference.md describes every attribute.
"""

load("//integrations/bazel:aspect.bzl", _qyn1_aspect = "qyn1_aspect")
load(
    "//integrations/bazel:opening.bzl",
    _qyn1_roundtrip_test = "qyn1_roundtrip_test",
    _qyn1_unpack = "qyn1_unpack",
    _qyn1_verify_test = "qyn1_verify_test",
)
load("//integrations/bazel:providers.bzl", _Qyn1Info = "Qyn1Info", _Qyn1PackageInfo = "Qyn1PackageInfo")
load("//integrations/bazel:rules.bzl", _qyn1_library = "qyn1_library", _qyn1_package = "qyn1_package")
load("//integrations/bazel:toolchain.bzl", _qyn1_site = "qyn1_site", _qyn1_toolchain = "qyn1_toolchain")

Qyn1Info = _Qyn1Info
Qyn1PackageInfo = _Qyn1PackageInfo
qyn1_aspect = _qyn1_aspect
qyn1_library = _qyn1_library
qyn1_package = _qyn1_package
qyn1_roundtrip_test = _qyn1_roundtrip_test
qyn1_site = _qyn1_site
qyn1_toolchain = _qyn1_toolchain
qyn1_unpack = _qyn1_unpack
qyn1_verify_test = _qyn1_verify_test

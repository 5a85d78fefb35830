"""What Bazel offers to Starlark, by major version, and which of it every version offers.

Each table maps an owner to words: `word` is offered from 4.2.3 to 9, `word>=6` since 6, `word<9` until 9 took it
away. A call's words are its parameters: those before `*` may be given by position in every version, those with a
dash in front only so.

Sources: 4.2.3 is asked itself (test_the_oldest_bazel_has_what_is_listed_for_it); of the others the reference in
bazelbuild/bazel, docs/versions/VERSION/rules/lib, of 6.5.0 and 9.0.0 for the main tables (for a few of 7.7.0 and
8.0.1), and release notes as remembered for the rest. A boundary may come late (`>=`) or early (`<`), which only makes
the tests stricter, as does a word that is missing here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

OLDEST, NEWEST = 4, 9


@dataclass(frozen=True)
class Word:
    """A member or parameter: offered by versions ``since`` and later, before ``until``."""

    name: str
    since: int = OLDEST
    until: int = NEWEST + 1

    def offered(self, oldest: int, newest: int = NEWEST) -> bool:
        """Whether every version from ``oldest`` to ``newest`` has it."""
        return self.since <= oldest and newest < self.until


# globals/all and globals/bzl, toplevel; functions and modules of .bzl files
BZL = """
    all any bool dict dir enumerate fail getattr hasattr hash int len list max min print range repr reversed sorted str
    tuple type zip True False None abs>=7 float>=6 set>=8
    analysis_test_transition aspect configuration_field depset exec_group load provider repository_rule rule select
    struct transition Label macro>=8 materializer_rule>=9 module_extension>=6 subrule>=8 tag_class>=6 visibility>=6
    attr config config_common coverage_common json native platform_common proto testing
    DefaultInfo OutputGroupInfo RunEnvironmentInfo>=6 CcInfo<9 JavaInfo<8 ProtoInfo<8 PyInfo<8 PyRuntimeInfo<8
    apple_common<9 cc_common<9 java_common<8
"""

# globals/build, and the rules that are still a part of Bazel 9
BUILD = """
    True False None load select glob package package_group exports_files existing_rule existing_rules subpackages>=6
    alias config_setting constraint_setting constraint_value filegroup genquery genrule label_flag label_setting
    platform test_suite toolchain toolchain_type
    cc_binary<9 cc_import<9 cc_library<9 cc_test<9 java_binary<8 java_library<8 java_test<8 proto_library<8
    py_binary<8 py_library<8 py_test<8 sh_binary<8 sh_library<8 sh_test<8
"""

# globals/module. compatibility_level: without effect since 8.6 and 9.1, which warns of it
MODULE = """
    True False None archive_override>=6 bazel_dep>=6 git_override>=6 local_path_override>=6 module>=6
    multiple_version_override>=6 register_execution_platforms>=6 register_toolchains>=6 single_version_override>=6
    use_extension>=6 use_repo>=6 include>=7 use_repo_rule>=7 inject_repo>=8 override_repo>=8 flag_alias>=9
"""

# globals/workspace of 6.5.0 to 8.0.1. Bazel 9 reads no WORKSPACE: it does not matter what it has
WORKSPACE = """
    True False None load workspace local_repository new_local_repository register_toolchains
    register_execution_platforms
"""

MEMBERS = {
    # builtins/ctx
    "ctx": """
        actions aspect_ids attr bin_dir build_file_path build_setting_value configuration coverage_instrumented
        created_actions disabled_features executable expand_location expand_make_variables features file files fragments
        genfiles_dir info_file label outputs resolve_command resolve_tools rule runfiles split_attr
        target_platform_has_constraint toolchains var version_file workspace_name
        exec_groups>=6 package_relative_label>=9 super>=8
        check_placeholders<6 default_provider<9 expand<6 host_configuration<9 host_fragments<9 new_file<9 tokenize<6
    """,
    # of an aspect: the rule's attributes under other names
    "ctx.rule": "attr executable file files kind toolchains>=6",
    # builtins/actions
    "ctx.actions": """
        args declare_directory declare_file do_nothing expand_template run run_shell symlink write
        declare_symlink>=6 map_directory>=9 template_dict>=7
    """,
    # builtins/repository_ctx
    "repository_ctx": """
        attr delete download download_and_extract execute extract file name os patch path read report_progress symlink
        template which getenv>=7 original_name>=8 rename>=8 repo_metadata>=8 watch>=7 watch_tree>=7 workspace_root>=6
        flag_enabled<6
    """,
    # builtins/repository_os
    "repository_ctx.os": "environ name arch>=6",
    # builtins/module_ctx
    "module_ctx": "modules>=6 os>=6 path>=6 read>=6 which>=6 execute>=6 download>=6 getenv>=7 is_dev_dependency>=6",
    # toplevel/native; register_toolchains only to macros for a WORKSPACE. The pages leave out bazel_version, which
    # repository rules see: it is looked for first
    "native": """
        existing_rule existing_rules exports_files glob package_group package_name repository_name
        register_toolchains<9 module_name>=6 module_version>=6 package_default_visibility>=9 package_relative_label>=6
        repo_name>=7 subpackages>=6
    """,
    # toplevel/attr
    "attr": """
        bool int int_list label label_keyed_string_dict label_list output output_list string string_dict string_list
        string_list_dict label_list_dict>=9 string_keyed_label_dict>=8
    """,
    # toplevel/config, testing, platform_common, core/json
    "config": "bool int string string_list exec>=6 none>=7 string_set>=8 target>=6",
    "testing": "ExecutionInfo TestEnvironment<9 analysis_test>=6",
    "platform_common": "ConstraintSettingInfo ConstraintValueInfo PlatformInfo TemplateVariableInfo ToolchainInfo",
    "json": "decode encode encode_indent indent",
}

# Of values whose kind the text does not show: builtins/Args, File, Label, Target, depset, runfiles, path, exec_result,
# bazel_module; providers/DefaultInfo; core/string, list, dict.
VALUES = """
    add add_all add_joined set_param_file_format use_param_file
    basename dirname extension is_directory is_source owner path root short_path is_symlink>=8
    name package relative workspace_root workspace_name<9 repo_name>=6 same_package_label>=6
    files files_to_run default_runfiles data_runfiles label output_groups<5 executable runfiles_manifest
    to_list merge symlinks root_symlinks empty_filenames merge_all>=6
    exists get_child readdir realpath is_dir>=8 return_code stderr stdout modules tags
    capitalize count elems endswith find format index isalnum isalpha isdigit islower isspace istitle isupper join lower
    lstrip partition replace rfind rindex rpartition rsplit rstrip split splitlines startswith strip title upper
    removeprefix>=6 removesuffix>=6
    append clear extend insert pop remove get items keys popitem setdefault update values
"""

CALLS = {
    # globals/bzl
    "rule": """
        implementation * test attrs outputs executable output_to_genfiles fragments host_fragments toolchains doc
        provides exec_compatible_with analysis_test build_setting cfg exec_groups
        incompatible_use_toolchain_transition<9 name<7
        dependency_resolution_rule>=8 extendable>=8 initializer>=8 parent>=8 subrules>=8
    """,
    "aspect": """
        implementation * attr_aspects attrs required_providers required_aspect_providers provides fragments
        host_fragments toolchains doc apply_to_generating_rules incompatible_use_toolchain_transition<9 requires>=6
        exec_compatible_with>=6 exec_groups>=6 propagation_predicate>=9 subrules>=8 toolchains_aspects>=9
    """,
    "provider": "doc * fields init>=6",
    "repository_rule": "implementation * attrs local environ configure remotable doc",
    "module_extension": "implementation * tag_classes doc environ>=7 os_dependent>=7 arch_dependent>=7",
    "tag_class": "attrs * doc",
    "depset": "direct order * transitive",
    "select": "x no_match_error",
    "Label": "-input",
    "fail": "*args * attr<9 sep",
    # toplevel/attr; configurable is for macros alone
    "attr.bool": "* default doc mandatory configurable>=8",
    "attr.int": "* default doc mandatory values configurable>=8",
    "attr.label": """
        * default doc executable allow_files allow_single_file mandatory providers allow_rules cfg aspects flags
        configurable>=8 for_dependency_resolution>=8 materializer>=8 skip_validations>=8
    """,
    "attr.label_list": """
        * allow_empty default doc allow_files allow_rules providers flags mandatory cfg aspects
        configurable>=8 for_dependency_resolution>=8 materializer>=8 skip_validations>=8
    """,
    "attr.string": "* default doc mandatory values configurable>=8",
    "attr.string_dict": "* allow_empty default doc mandatory configurable>=8",
    "attr.string_list": "* mandatory allow_empty default doc configurable>=8",
    # toplevel/config
    "config.bool": "* flag",
    "config.int": "* flag",
    "config.string": "* flag allow_multiple",
    "config.string_list": "* flag repeatable>=6",
    # builtins/actions
    "ctx.actions.args": "*",
    "ctx.actions.declare_directory": "filename * sibling",
    "ctx.actions.declare_file": "filename * sibling",
    "ctx.actions.do_nothing": "* mnemonic inputs",
    "ctx.actions.expand_template": "* template output substitutions is_executable computed_substitutions>=7",
    "ctx.actions.run": """
        * outputs inputs unused_inputs_list executable tools arguments mnemonic progress_message use_default_shell_env
        env execution_requirements input_manifests exec_group shadowed_action>=6 resource_set>=6 toolchain>=6
    """,
    "ctx.actions.run_shell": """
        * outputs inputs tools arguments mnemonic command progress_message use_default_shell_env
        env execution_requirements input_manifests exec_group shadowed_action>=6 resource_set>=6 toolchain>=6
    """,
    "ctx.actions.symlink": "* output target_file is_executable progress_message target_path>=6",
    "ctx.actions.write": "output content is_executable * execution_requirements>=9 mnemonic>=8",
    "ctx.runfiles": "files transitive_files collect_data collect_default symlinks root_symlinks",
    # builtins/Args
    "add": "-arg_name_or_value -value * format",
    "add_all": """
        -arg_name_or_values -values * map_each format_each before_each omit_if_empty uniquify expand_directories
        terminate_with allow_closure>=6
    """,
    "set_param_file_format": "format",
    "use_param_file": "param_file_arg * use_always",
    # builtins/repository_ctx
    "repository_ctx.delete": "path",
    "repository_ctx.download": "url output sha256 executable allow_fail canonical_id auth * integrity headers>=7",
    "repository_ctx.execute": "arguments timeout environment quiet working_directory",
    "repository_ctx.file": "path content executable legacy_utf8",
    "repository_ctx.path": "path",
    "repository_ctx.read": "path * watch>=7",
    "repository_ctx.symlink": "-target -link_name",
    "repository_ctx.which": "program",
    # toplevel/native, testing, json; providers
    "native.glob": "include exclude exclude_directories allow_empty",
    "native.register_toolchains": "*toolchain_labels * dev_dependency>=6",
    "testing.ExecutionInfo": "requirements * exec_group>=6",
    "json.decode": "x * default>=7",
    "DefaultInfo": "* files runfiles executable data_runfiles default_runfiles",
    # globals/build
    "exports_files": "srcs visibility licenses",
    "glob": "include exclude exclude_directories allow_empty",
    # globals/module
    "module": "* name version repo_name bazel_compatibility compatibility_level<9",
    "bazel_dep": "* name version repo_name dev_dependency max_compatibility_level<9",
    "local_path_override": "* module_name path",
    "use_extension": "extension_bzl_file extension_name * dev_dependency isolate>=7",
    "use_repo": "-extension_proxy *args **kwargs",
    "register_toolchains": "*toolchain_labels * dev_dependency",
    # globals/workspace
    "workspace": "* name",
    "local_repository": "* name path repo_mapping",
}

_WORD = re.compile(r"(?P<name>-?[\w*]+)(?:>=(?P<since>\d+))?(?:<(?P<until>\d+))?")


@cache
def words(table: str) -> dict[str, Word]:
    """The words of a table by name."""
    found = {}
    for text in table.split():
        match = _WORD.fullmatch(text)
        assert match, text
        found[match["name"]] = Word(match["name"], int(match["since"] or OLDEST), int(match["until"] or NEWEST + 1))
    return found


@dataclass(frozen=True)
class Call:
    """How a function may be called from ``oldest`` to the newest version."""

    positions: int  # how many arguments may have no name; -1: any number
    names: frozenset[str]
    any_name: bool

    @classmethod
    def of(cls, function: str, oldest: int) -> Call:
        """That of a function in `CALLS`."""
        positional, _, named = CALLS[function].partition("* ") if "* " in CALLS[function] else (CALLS[function], "", "")
        by_position = words(positional.removesuffix("*"))
        offered = [word.name for word in (*by_position.values(), *words(named).values()) if word.offered(oldest)]
        return cls(
            -1 if any(name.startswith("*") for name in by_position) else len(by_position),
            frozenset(name for name in offered if not name.startswith(("-", "*"))),
            "**kwargs" in offered,
        )

"""A worker for BuildGrid: ``python remote_worker.py ADDRESS FOLDER NAME`` runs the actions that the server gives it.

BuildGrid (https://buildgrid.build) is a server of Bazel's remote execution API; what it ships to run actions is a
separate program in C++. This one is as strict as any: an action finds its inputs in a fresh folder, all of them
executable as remote systems make them, and the environment that it names, and nothing else. It runs with the Python
that BuildGrid is installed for, until the server goes away.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import grpc
from buildgrid._protos.build.bazel.remote.execution.v2.remote_execution_pb2 import (
    Action,
    ActionResult,
    Command,
    Digest,
)
from buildgrid._protos.google.devtools.remoteworkers.v1test2.bots_pb2 import (
    BotSession,
    BotStatus,
    CreateBotSessionRequest,
    Lease,
    LeaseState,
    UpdateBotSessionRequest,
)
from buildgrid._protos.google.devtools.remoteworkers.v1test2.bots_pb2_grpc import BotsStub
from buildgrid.client.cas import download, upload

_POLL_SECONDS = 20


def run(channel: grpc.Channel, action: Action, folder: Path) -> ActionResult:
    """Do the work of ``action`` in the empty ``folder``."""
    with download(channel) as downloader:
        command = downloader.get_message(action.command_digest, Command())
        downloader.download_directory(action.input_root_digest, str(folder))
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o555)
    for output in [*command.output_files, *command.output_directories, *command.output_paths]:
        (folder / command.working_directory / output).parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        list(command.arguments),
        cwd=folder / command.working_directory,
        env={variable.name: variable.value for variable in command.environment_variables},
        stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    result = ActionResult(exit_code=done.returncode, stdout_raw=done.stdout, stderr_raw=done.stderr)
    result.execution_metadata.worker = sys.argv[3]
    with upload(channel) as uploader:
        for output in sorted({*command.output_files, *command.output_directories, *command.output_paths}):
            place = folder / command.working_directory / output
            if place.is_dir():
                digest = uploader.upload_tree(str(place), queue=False)
                result.output_directories.add(path=output).tree_digest.CopyFrom(digest)
            elif place.exists():
                file = result.output_files.add(path=output, is_executable=bool(place.stat().st_mode & 0o100))
                file.digest.CopyFrom(uploader.upload_file(str(place), queue=False))
    return result


def answer(channel: grpc.Channel, lease: Lease, folder: Path) -> ActionResult:
    """What became of the action that ``lease`` is for; a fault of this worker is a failure of the action."""
    action, digest = Action(), Digest()
    try:
        if not lease.payload.Unpack(action):
            lease.payload.Unpack(digest)
            with download(channel) as downloader:
                action = downloader.get_message(digest, action)
        return run(channel, action, folder)
    except Exception:  # noqa: BLE001  (without an answer the build would wait for ever)
        return ActionResult(exit_code=125, stderr_raw=traceback.format_exc().encode())


def serve(channel: grpc.Channel, folder: Path, name: str) -> None:
    """Ask for actions and run them, one after the other. Raises grpc.RpcError once the server is gone."""
    bots = BotsStub(channel)
    session = BotSession(bot_id=name, status=BotStatus.Value("OK"))
    session = bots.CreateBotSession(CreateBotSessionRequest(bot_session=session), timeout=_POLL_SECONDS)
    while True:
        for lease in session.leases:
            if lease.state == LeaseState.Value("PENDING"):
                lease.state = LeaseState.Value("ACTIVE")
            elif lease.state == LeaseState.Value("ACTIVE"):
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    lease.result.Pack(answer(channel, lease, Path(place)))
                lease.state = LeaseState.Value("COMPLETED")
        request = UpdateBotSessionRequest(name=session.name, bot_session=session)
        session = bots.UpdateBotSession(request, timeout=_POLL_SECONDS)


if __name__ == "__main__":
    with grpc.insecure_channel(sys.argv[1]) as connection:
        serve(connection, Path(sys.argv[2]), sys.argv[3])

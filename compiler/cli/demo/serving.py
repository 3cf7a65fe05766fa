"""The demo's folder -> its servers and its agent, running until Ctrl-C (`conductor demo --serve`)."""

from __future__ import annotations

from compiler.cli.demo.stage import Stage
from compiler.cli.demo.world import World


def serve(world: World, stage: Stage) -> None:
    """Run the agent on the demo's repository until it is told to stop; its own words say where it listens."""
    stage.scene("Serving", "The agent goes on: merge something, approve it, and watch. Ctrl-C ends it.")
    for region, server in world.servers.items():
        stage.show(f"PostgreSQL of {region}: 127.0.0.1:{server.port}, superuser's password in {server.password_file}")
    stage.conductor("agent", "run", "--key", "../keys/agent", cwd=world.repo, live=True)

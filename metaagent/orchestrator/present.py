"""What a backend has by the names of models now: evidence of another content is another model's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from metaagent.errors import MetaagentError
from metaagent.inference.gateway import Gateway
from metaagent.inference.select import open_backend
from metaagent.workspace import Workspace


def present_digests(workspace: Workspace, models: Iterable[str]) -> dict[str, str]:
    """Model -> its digest. Without what cannot be asked or names none: then the newest in the ledger holds."""
    try:
        backend = open_backend(workspace.config, workspace.root, notice=lambda _: None)
    except MetaagentError:
        return {}
    gateway = Gateway(backend, workspace.config.deadlines, None, retries=0)

    async def asked() -> dict[str, str]:
        try:
            return {model: digest for model in sorted(models) if (digest := await _digest(gateway, model))}
        finally:
            await gateway.close()

    return asyncio.run(asked())


async def _digest(gateway: Gateway, model: str) -> str:
    try:
        return (await gateway.info(model)).digest
    except MetaagentError:  # whoever calls the model next is told
        return ""

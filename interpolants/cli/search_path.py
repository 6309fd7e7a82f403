"""The user's own `conf/` on Hydra's search path."""

from __future__ import annotations

from typing import final

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from interpolants.cli.conf import USER_FOLDER


@final
class UserSearchPath(SearchPathPlugin):
    """Adds `conf/` of the working folder, after the package's own folder."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        folder = USER_FOLDER.resolve()
        known = {element.path for element in search_path.get_path()}
        if folder.is_dir() and not {str(folder), f"file://{folder}"} & known:
            search_path.append("user", f"file://{folder}")


def add_user_folder() -> None:
    """Have every search path that Hydra makes from now on hold the user's folder."""
    Plugins.instance().register(UserSearchPath)

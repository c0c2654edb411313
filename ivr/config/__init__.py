"""The settings of one line: frozen, read once, and refused whole when anything is wrong.

Order of precedence: environment (`IVR_…`), the settings file (TOML), the defaults.
"""

from ivr.config.reading import home_folder, load, settings_file
from ivr.config.settings import (
    LINE_NUMBER,
    PROJECT,
    TRUNK_ENDPOINT,
    AccountsSettings,
    Agent,
    AgentsSettings,
    CallersSettings,
    ConsoleSettings,
    FactsSettings,
    LimitsSettings,
    NatSettings,
    Part,
    Patience,
    RecordingsSettings,
    Registration,
    RetentionSettings,
    Settings,
    SettingsError,
    SpeechSettings,
    TlsSettings,
    Trunk,
)

__all__ = [
    "LINE_NUMBER",
    "PROJECT",
    "TRUNK_ENDPOINT",
    "AccountsSettings",
    "Agent",
    "AgentsSettings",
    "CallersSettings",
    "ConsoleSettings",
    "FactsSettings",
    "LimitsSettings",
    "NatSettings",
    "Part",
    "Patience",
    "RecordingsSettings",
    "Registration",
    "RetentionSettings",
    "Settings",
    "SettingsError",
    "SpeechSettings",
    "TlsSettings",
    "Trunk",
    "home_folder",
    "load",
    "settings_file",
]

"""The escapes of `runtime.contract.printable`, by the name that every format of diagnostics knows them by."""

from runtime.contract.printable import shown, shown_json, shown_lines

__all__ = ["shown", "shown_json", "shown_lines"]

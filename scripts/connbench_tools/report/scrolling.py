"""Tables that may be wider than the page: they scroll sideways, and then say so."""

SAYS = "The table is wider than its frame: scroll sideways for more columns."


def scrolling(table, name):
    """A table in a frame of its own. `name` is read aloud; the line above the frame is shown where the table does not
    fit (web/table.js)."""
    return (
        f'<p class="note scrolls" hidden>{SAYS}</p>'
        f'<div class=scroll tabindex=0 role=group aria-label="{name}, scrolls sideways">{table}</div>'
    )

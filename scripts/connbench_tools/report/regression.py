"""The verdicts of a regression gate, as a table that draws the interval of each effect to a common scale."""

from html import escape

from .scrolling import scrolling

WIDTH, HEIGHT = 160, 14  # px of the drawn interval


def regression_html(rows):
    if not rows:
        return ""
    known = [row for row in rows if _interval(row)]
    reach = max((abs(value) for row in known for value in _interval(row)), default=0) or 1
    body = "".join(_row(row, reach) for row in rows)
    table = (
        "<table class=plain><thead><tr><th scope=col>benchmark<th scope=col>metric<th scope=col>verdict<th scope=col "
        "class=n>effect<th scope=col>interval<th scope=col class=n>threshold<th scope=col class=n>p<th scope=col "
        f"class=n>pairs</tr></thead><tbody>{body}</tbody></table>"
    )
    return (
        "<section id=regression><h2>Regression verdicts</h2><p>Each figure of the changed build compared with the "
        "base: the effect with its interval, and the verdict of the gate. Right of the middle line the figure is "
        f"higher. A change up to the threshold does not count.</p>{scrolling(table, 'Table of the verdicts')}</section>"
    )


def _interval(row):
    try:
        return float(row["ci_low"]), float(row["effect"]), float(row["ci_high"])
    except ValueError:
        return None


def _percent(text):
    try:
        return f"{float(text):.1%}"
    except ValueError:
        return escape(text)


def _row(row, reach):
    found = _interval(row)
    effect = f"{found[1]:+.2%}" if found else escape(row["effect"]) or "?"
    drawn = _drawing(*found, reach) + f" <small>{found[0]:+.2%} … {found[2]:+.2%}</small>" if found else "unknown"
    verdict = escape(row["verdict"])
    return (
        f'<tr><th scope=row>{escape(row["benchmark"])}</th><td>{escape(row["metric"])}</td><td><b class="judged" '
        f'data-verdict="{verdict}">{verdict}</b></td><td class=n>{effect}</td><td class=interval>{drawn}</td>'
        f'<td class=n>{_percent(row["threshold"])}</td><td class=n>{escape(row["p_value"])}</td>'
        f'<td class=n>{escape(row["pairs"])}</td></tr>'
    )


def _drawing(low, effect, high, reach):
    def x(value):
        return WIDTH / 2 * (1 + value / reach * 0.95)

    return (
        f"<svg class=interval width={WIDTH} height={HEIGHT} aria-hidden=true><line class=zero x1={WIDTH / 2} "
        f"x2={WIDTH / 2} y1=0 y2={HEIGHT} /><line x1={x(low):.1f} x2={x(high):.1f} y1={HEIGHT / 2} y2={HEIGHT / 2} "
        f"/><circle cx={x(effect):.1f} cy={HEIGHT / 2} r=3 /></svg>"
    )

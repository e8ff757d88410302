"""The board as one HTML file, which needs neither a server nor the network: ``python -m benchmarks.page``.

Texts of agents, names and errors are hostile until shown otherwise: templates escape everything (Jinja2's autoescape),
and the page's own policy (Content-Security-Policy) forbids every request and every script and style but its own, which
it knows by their hashes.
"""

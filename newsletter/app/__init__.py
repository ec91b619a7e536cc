"""The use cases: each joins the stages to the doors for one thing that a person asked for.

Only here are concrete stores, transports and settings chosen; the command line and the web ask, `app` answers.
"""

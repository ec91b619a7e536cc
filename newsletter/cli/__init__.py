"""The command line: commands read options, call one function of `app`, and print. `main` loads them lazily."""

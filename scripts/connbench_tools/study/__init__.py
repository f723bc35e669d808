"""Published claims about connecting, tested: what a study file in studies/ is made of, and what runs it."""

"""placeholder"""
def on_app_ready(app): pass

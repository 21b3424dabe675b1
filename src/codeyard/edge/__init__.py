"""The doors: HTTP in its several forms becomes Invocations. uvicorn and Starlette live only here and in console."""

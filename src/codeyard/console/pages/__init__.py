"""One module an area of the console. A page is an async function from a Visit to a response."""

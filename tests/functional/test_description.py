"""The API's description over HTTP: for programs, for people, and from the one to the other."""

from tests.functional.conftest import Stack


def test_the_page_for_people_leads_to_the_document(deployed: Stack) -> None:
    """Without a key; the address that the page itself links to, `?format=json`, is the document."""
    document = deployed.gateway.call("GET", "/openapi.json")
    page = deployed.gateway.call("GET", "/docs")
    linked = deployed.gateway.call("GET", "/docs?format=json")
    assert (document.status, page.status, linked.status) == (200, 200, 200)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '"?format=json"' in page.text
    assert linked.headers["content-type"] == "application/json"
    assert linked.body == document.body
    assert "/alert-channels" in linked.body["paths"]

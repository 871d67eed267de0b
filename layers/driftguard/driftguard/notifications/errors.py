"""What can go wrong on the way to a provider."""


class DeliveryFailed(Exception):
    """A provider did not take a message.

    detail: the provider's own words, or what happened on the way; never a secret. permanent: trying again later does
    not help. retry_after: seconds that the provider asked to wait.
    """

    def __init__(self, detail: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after

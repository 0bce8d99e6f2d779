"""The limits in force."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from bot.state import binding
from console.api.answers import Limits, made
from console.api.bearers import OperatorsToken
from console.api.conditional import answered
from console.api.documented import IF_NONE_MATCH, documented
from console.api.requests import desk_of
from console.views.configuration import configuration_facts, read_current
from console.web.patience import BoundedRoute

router = APIRouter(tags=["limits"], route_class=BoundedRoute)


@router.get(
    "/limits",
    operation_id="getLimits",
    openapi_extra=IF_NONE_MATCH,
    **documented(Limits, 200),
)
def limits(request: Request, _: OperatorsToken) -> Response:
    """Every value in force with its unit and origin. Commands alone change them."""
    desk = desk_of(request)
    with desk.reading() as session:
        settings = binding.shown(session, desk.settings)
    config, known = read_current(settings)
    facts = dict(configuration_facts(config, overrides_known=known))
    return answered(request, made(Limits, facts))

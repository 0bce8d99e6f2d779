"""The tables: every fact that must survive, with the constraints that make a double impossible."""

from models.tables.account import (
    AccountBindingRow,
    AccountFitnessRow,
    AccountRow,
    CashFlowRow,
    EquityDayRow,
    EquityRow,
)
from models.tables.alerts import AlertChannelRow, AlertDeliveryRow, AlertRow
from models.tables.audit import (
    AuditCheckpointRow,
    AuditHeadRow,
    AuditHeadsFileRow,
    AuditLeafRow,
    AuditNodeRow,
    AuditRow,
    AuditTreeRow,
)
from models.tables.authority import (
    ApiTokenRow,
    ConfigVersionRow,
    OperatorRow,
    OverrideCodeRow,
)
from models.tables.base import Base, Money, Utc
from models.tables.decisions import (
    DecisionFiguresRow,
    DecisionRow,
    RefusedMessagesRow,
    TradeRequestRow,
)
from models.tables.fills import FillRow, OtherFeeRow
from models.tables.gate_values import GateValueRow
from models.tables.market import InstrumentRow, VolumeModelRow
from models.tables.orders import ChildOrderRow, ParentOrderRow, ReservationRow
from models.tables.positions import (
    DisagreementRow,
    ForeignOrderRow,
    PositionAdoptionRow,
    PositionExitRow,
    PositionRow,
    PositionWatchRow,
    ProtectiveStopRow,
    StrategyShareRow,
    UnreadableFactRow,
)
from models.tables.predictions import ModelLaneRow, PredictionRow
from models.tables.safety import (
    AssuranceReportRow,
    BreakerRow,
    BreakerTripRow,
    DrillRow,
    EmergencyTriggerRow,
    HeartbeatRow,
    RecoveryRow,
    TradingLeaseRow,
    TradingStateRow,
)
from models.tables.strategies import StrategyRow
from models.tables.tallies import TallyChangeRow, TallyRow

__all__ = [
    "AccountBindingRow",
    "AccountFitnessRow",
    "AccountRow",
    "AlertChannelRow",
    "AlertDeliveryRow",
    "AlertRow",
    "ApiTokenRow",
    "AssuranceReportRow",
    "AuditCheckpointRow",
    "AuditHeadRow",
    "AuditHeadsFileRow",
    "AuditLeafRow",
    "AuditNodeRow",
    "AuditRow",
    "AuditTreeRow",
    "Base",
    "BreakerRow",
    "BreakerTripRow",
    "CashFlowRow",
    "ChildOrderRow",
    "ConfigVersionRow",
    "DecisionFiguresRow",
    "DecisionRow",
    "DisagreementRow",
    "DrillRow",
    "EmergencyTriggerRow",
    "EquityDayRow",
    "EquityRow",
    "FillRow",
    "ForeignOrderRow",
    "GateValueRow",
    "HeartbeatRow",
    "InstrumentRow",
    "ModelLaneRow",
    "Money",
    "OperatorRow",
    "OtherFeeRow",
    "OverrideCodeRow",
    "ParentOrderRow",
    "PositionAdoptionRow",
    "PositionExitRow",
    "PositionRow",
    "PositionWatchRow",
    "PredictionRow",
    "ProtectiveStopRow",
    "RecoveryRow",
    "RefusedMessagesRow",
    "ReservationRow",
    "StrategyRow",
    "StrategyShareRow",
    "TallyChangeRow",
    "TallyRow",
    "TradeRequestRow",
    "TradingLeaseRow",
    "TradingStateRow",
    "UnreadableFactRow",
    "Utc",
    "VolumeModelRow",
]

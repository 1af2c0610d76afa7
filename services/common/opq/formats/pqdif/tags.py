"""Tags of records and elements of PQDIF (IEEE 1159.3-2003, annex with the physical and logical identifiers (M)).

A table: the names are those of the standard without ``tag``.
"""

from typing import Final
from uuid import UUID

SIGNATURE: Final = UUID("4a111440-e49f-11cf-9900-505144494600")
"""The first 16 bytes of every record."""

NAMES: Final[dict[UUID, str]] = {
    UUID("89738618-f1c3-11cf-9d89-0080c72e70a3"): "tagBlank",
    UUID("89738606-f1c3-11cf-9d89-0080c72e70a3"): "tagContainer",
    UUID("89738619-f1c3-11cf-9d89-0080c72e70a3"): "tagRecDataSource",
    UUID("b48d858c-f5f5-11cf-9d89-0080c72e70a3"): "tagRecMonitorSettings",
    UUID("8973861a-f1c3-11cf-9d89-0080c72e70a3"): "tagRecObservation",
    UUID("89738607-f1c3-11cf-9d89-0080c72e70a3"): "tagVersionInfo",
    UUID("89738608-f1c3-11cf-9d89-0080c72e70a3"): "tagFileName",
    UUID("89738609-f1c3-11cf-9d89-0080c72e70a3"): "tagCreation",
    UUID("8973860a-f1c3-11cf-9d89-0080c72e70a3"): "tagLastSaved",
    UUID("8973860b-f1c3-11cf-9d89-0080c72e70a3"): "tagTimesSaved",
    UUID("8973860c-f1c3-11cf-9d89-0080c72e70a3"): "tagLanguage",
    UUID("8973860d-f1c3-11cf-9d89-0080c72e70a3"): "tagTitle",
    UUID("8973860e-f1c3-11cf-9d89-0080c72e70a3"): "tagSubject",
    UUID("8973860f-f1c3-11cf-9d89-0080c72e70a3"): "tagAuthor",
    UUID("89738610-f1c3-11cf-9d89-0080c72e70a3"): "tagKeywords",
    UUID("89738611-f1c3-11cf-9d89-0080c72e70a3"): "tagComments",
    UUID("89738612-f1c3-11cf-9d89-0080c72e70a3"): "tagLastSavedBy",
    UUID("89738623-f1c3-11cf-9d89-0080c72e70a3"): "tagApplication",
    UUID("89738613-f1c3-11cf-9d89-0080c72e70a3"): "tagSecurity",
    UUID("89738614-f1c3-11cf-9d89-0080c72e70a3"): "tagOwner",
    UUID("89738615-f1c3-11cf-9d89-0080c72e70a3"): "tagCopyright",
    UUID("89738616-f1c3-11cf-9d89-0080c72e70a3"): "tagTrademarks",
    UUID("89738617-f1c3-11cf-9d89-0080c72e70a3"): "tagNotes",
    UUID("8973861b-f1c3-11cf-9d89-0080c72e70a3"): "tagCompressionStyleID",
    UUID("8973861c-f1c3-11cf-9d89-0080c72e70a3"): "tagCompressionAlgorithmID",
    UUID("8973861d-f1c3-11cf-9d89-0080c72e70a3"): "tagCompressionChecksum",
    UUID("b48d85a2-f5f5-11cf-9d89-0080c72e70a3"): "tagName",
    UUID("b48d85a3-f5f5-11cf-9d89-0080c72e70a3"): "tagAddress1",
    UUID("b48d85a4-f5f5-11cf-9d89-0080c72e70a3"): "tagAddress2",
    UUID("b48d85a5-f5f5-11cf-9d89-0080c72e70a3"): "tagCity",
    UUID("b48d85a6-f5f5-11cf-9d89-0080c72e70a3"): "tagState",
    UUID("b48d85a7-f5f5-11cf-9d89-0080c72e70a3"): "tagPostalCode",
    UUID("b48d85a8-f5f5-11cf-9d89-0080c72e70a3"): "tagCountry",
    UUID("b48d85a9-f5f5-11cf-9d89-0080c72e70a3"): "tagPhoneVoice",
    UUID("3d786f80-f76e-11cf-9d89-0080c72e70a3"): "tagPhoneFAX",
    UUID("3d786f81-f76e-11cf-9d89-0080c72e70a3"): "tagEMail",
    UUID("b48d8581-f5f5-11cf-9d89-0080c72e70a3"): "tagDataSourceTypeID",
    UUID("b48d8582-f5f5-11cf-9d89-0080c72e70a3"): "tagVendorID",
    UUID("b48d8583-f5f5-11cf-9d89-0080c72e70a3"): "tagEquipmentID",
    UUID("b48d8584-f5f5-11cf-9d89-0080c72e70a3"): "tagCustomSourceInfo",
    UUID("b48d8585-f5f5-11cf-9d89-0080c72e70a3"): "tagSerialNumberDS",
    UUID("b48d8586-f5f5-11cf-9d89-0080c72e70a3"): "tagVersionDS",
    UUID("b48d8587-f5f5-11cf-9d89-0080c72e70a3"): "tagNameDS",
    UUID("b48d8588-f5f5-11cf-9d89-0080c72e70a3"): "tagOwnerDS",
    UUID("b48d8589-f5f5-11cf-9d89-0080c72e70a3"): "tagLocationDS",
    UUID("b48d858a-f5f5-11cf-9d89-0080c72e70a3"): "tagTimeZoneDS",
    UUID("b48d858b-f5f5-11cf-9d89-0080c72e70a3"): "tagCoordinatesDS",
    UUID("b48d858d-f5f5-11cf-9d89-0080c72e70a3"): "tagChannelDefns",
    UUID("3d786f82-f76e-11cf-9d89-0080c72e70a3"): "tagInstrumentTypeID",
    UUID("3d786f83-f76e-11cf-9d89-0080c72e70a3"): "tagInstrumentModelName",
    UUID("3d786f84-f76e-11cf-9d89-0080c72e70a3"): "tagInstrumentModelNumber",
    UUID("b48d858e-f5f5-11cf-9d89-0080c72e70a3"): "tagOneChannelDefn",
    UUID("b48d8590-f5f5-11cf-9d89-0080c72e70a3"): "tagChannelName",
    UUID("b48d8591-f5f5-11cf-9d89-0080c72e70a3"): "tagPhaseID",
    UUID("b48d8593-f5f5-11cf-9d89-0080c72e70a3"): "tagOtherChannelIdentifier",
    UUID("b48d8594-f5f5-11cf-9d89-0080c72e70a3"): "tagGroupName",
    UUID("b48d8592-f5f5-11cf-9d89-0080c72e70a3"): "tagQuantityTypeID",
    UUID("c690e872-f755-11cf-9d89-0080c72e70a3"): "tagQuantityMeasuredID",
    UUID("89738622-f1c3-11cf-9d89-0080c72e70a3"): "tagPhysicalChannel",
    UUID("b48d8595-f5f5-11cf-9d89-0080c72e70a3"): "tagQuantityName",
    UUID("b48d8596-f5f5-11cf-9d89-0080c72e70a3"): "tagPrimarySeriesIdx",
    UUID("b48d8598-f5f5-11cf-9d89-0080c72e70a3"): "tagSeriesDefns",
    UUID("b48d859a-f5f5-11cf-9d89-0080c72e70a3"): "tagOneSeriesDefn",
    UUID("b48d859c-f5f5-11cf-9d89-0080c72e70a3"): "tagValueTypeID",
    UUID("b48d859b-f5f5-11cf-9d89-0080c72e70a3"): "tagQuantityUnitsID",
    UUID("3d786f9e-f76e-11cf-9d89-0080c72e70a3"): "tagQuantityCharacteristicID",
    UUID("a112f421-b111-11d2-9b37-0040052c2d28"): "tagQuantitySignificantDigitsID",
    UUID("fb228ee0-fc8d-11d2-b49a-006008b37183"): "tagQuantityResolutionID",
    UUID("b48d85a1-f5f5-11cf-9d89-0080c72e70a3"): "tagStorageMethodID",
    UUID("b48d859d-f5f5-11cf-9d89-0080c72e70a3"): "tagValueTypeName",
    UUID("b48d859e-f5f5-11cf-9d89-0080c72e70a3"): "tagHintGreekPrefixID",
    UUID("b48d859f-f5f5-11cf-9d89-0080c72e70a3"): "tagHintPreferredUnitsID",
    UUID("b48d85a0-f5f5-11cf-9d89-0080c72e70a3"): "tagHintDefaultDisplayID",
    UUID("2747d441-2bd0-11d2-ae42-0060083a2628"): "tagProbInterval",
    UUID("2747d440-2bd0-11d2-ae42-0060083a2628"): "tagProbPercentile",
    UUID("0fa118c8-cb4a-11d2-b30b-fe25cb9a1760"): "tagSeriesNominalQuantity",
    UUID("62f28183-f9c4-11cf-9d89-0080c72e70a3"): "tagEffective",
    UUID("3d786f85-f76e-11cf-9d89-0080c72e70a3"): "tagTimeInstalled",
    UUID("3d786f86-f76e-11cf-9d89-0080c72e70a3"): "tagTimeRemoved",
    UUID("62f28180-f9c4-11cf-9d89-0080c72e70a3"): "tagUseCalibration",
    UUID("62f28181-f9c4-11cf-9d89-0080c72e70a3"): "tagUseTransducer",
    UUID("62f28182-f9c4-11cf-9d89-0080c72e70a3"): "tagChannelSettingsArray",
    UUID("0fa118c3-cb4a-11d2-b30b-fe25cb9a1760"): "tagNominalFrequency",
    UUID("9f256ee0-803b-11d3-b92f-0050da2b1f4d"): "tagSettingPhysicalConnection",
    UUID("3d786f9a-f76e-11cf-9d89-0080c72e70a3"): "tagOneChannelSetting",
    UUID("b48d858f-f5f5-11cf-9d89-0080c72e70a3"): "tagChannelDefnIdx",
    UUID("62f28184-f9c4-11cf-9d89-0080c72e70a3"): "tagTriggerTypeID",
    UUID("3d786f87-f76e-11cf-9d89-0080c72e70a3"): "tagFullScale",
    UUID("3d786f89-f76e-11cf-9d89-0080c72e70a3"): "tagNoiseFloor",
    UUID("62f28188-f9c4-11cf-9d89-0080c72e70a3"): "tagTriggerShapeParam",
    UUID("62f28189-f9c4-11cf-9d89-0080c72e70a3"): "tagXDTransformerTypeID",
    UUID("62f2818a-f9c4-11cf-9d89-0080c72e70a3"): "tagXDSystemSideRatio",
    UUID("62f2818b-f9c4-11cf-9d89-0080c72e70a3"): "tagXDMonitorSideRatio",
    UUID("62f2818c-f9c4-11cf-9d89-0080c72e70a3"): "tagXDFrequencyResponse",
    UUID("62f2818d-f9c4-11cf-9d89-0080c72e70a3"): "tagCalTimeSkew",
    UUID("62f2818e-f9c4-11cf-9d89-0080c72e70a3"): "tagCalOffset",
    UUID("62f2818f-f9c4-11cf-9d89-0080c72e70a3"): "tagCalRatio",
    UUID("62f28190-f9c4-11cf-9d89-0080c72e70a3"): "tagCalMustUseARCal",
    UUID("62f28191-f9c4-11cf-9d89-0080c72e70a3"): "tagCalApplied",
    UUID("62f28192-f9c4-11cf-9d89-0080c72e70a3"): "tagCalRecorded",
    UUID("5b12f431-ff54-11d3-b968-0050da2b1f4d"): "tagTriggerHighHigh",
    UUID("62f28186-f9c4-11cf-9d89-0080c72e70a3"): "tagTriggerHigh",
    UUID("62f28185-f9c4-11cf-9d89-0080c72e70a3"): "tagTriggerLow",
    UUID("5b12f430-ff54-11d3-b968-0050da2b1f4d"): "tagTriggerLowLow",
    UUID("5b12f432-ff54-11d3-b968-0050da2b1f4d"): "tagTriggerDeadBand",
    UUID("62f28187-f9c4-11cf-9d89-0080c72e70a3"): "tagTriggerRate",
    UUID("3d786f8a-f76e-11cf-9d89-0080c72e70a3"): "tagObservationName",
    UUID("3d786f8b-f76e-11cf-9d89-0080c72e70a3"): "tagTimeCreate",
    UUID("3d786f8c-f76e-11cf-9d89-0080c72e70a3"): "tagTimeStart",
    UUID("3d786f8d-f76e-11cf-9d89-0080c72e70a3"): "tagTriggerMethodID",
    UUID("3d786f8e-f76e-11cf-9d89-0080c72e70a3"): "tagTimeTriggered",
    UUID("3d786f8f-f76e-11cf-9d89-0080c72e70a3"): "tagChannelTriggerIdx",
    UUID("3d786f90-f76e-11cf-9d89-0080c72e70a3"): "tagObservationSerial",
    UUID("89738621-f1c3-11cf-9d89-0080c72e70a3"): "tagObservationAggregationSerial",
    UUID("b48d8597-f5f5-11cf-9d89-0080c72e70a3"): "tagDisturbanceCategoryID",
    UUID("3d786f91-f76e-11cf-9d89-0080c72e70a3"): "tagChannelInstances",
    UUID("0fa118c0-cb4a-11d2-b30b-fe25cb9a1760"): "tagCharactDisturbDirection",
    UUID("0fa118c1-cb4a-11d2-b30b-fe25cb9a1760"): "tagCharactDisturbDirectionQuality",
    UUID("3d786f92-f76e-11cf-9d89-0080c72e70a3"): "tagOneChannelInst",
    UUID("2747d444-2bd0-11d2-ae42-0060083a2628"): "tagCharactDuration",
    UUID("3d786f93-f76e-11cf-9d89-0080c72e70a3"): "tagSeriesInstances",
    UUID("2747d443-2bd0-11d2-ae42-0060083a2628"): "tagCharactMagnitude",
    UUID("2747d445-2bd0-11d2-ae42-0060083a2628"): "tagCharactFrequency",
    UUID("0fa118c7-cb4a-11d2-b30b-fe25cb9a1760"): "tagChanTriggerModuleInfo",
    UUID("0fa118c6-cb4a-11d2-b30b-fe25cb9a1760"): "tagChanTriggerModuleName",
    UUID("0fa118c5-cb4a-11d2-b30b-fe25cb9a1760"): "tagCrossTriggerDeviceName",
    UUID("0fa118c4-cb4a-11d2-b30b-fe25cb9a1760"): "tagCrossTriggerChanIdx",
    UUID("0fa118c2-cb4a-11d2-b30b-fe25cb9a1760"): "tagChanTriggerTypeID",
    UUID("2747d442-2bd0-11d2-ae42-0060083a2628"): "tagChannelFrequency",
    UUID("f90de218-e67b-4cf1-a295-b021a2d46767"): "tagChannelGroupID",
    UUID("3d786f94-f76e-11cf-9d89-0080c72e70a3"): "tagOneSeriesInstance",
    UUID("3d786f95-f76e-11cf-9d89-0080c72e70a3"): "tagSeriesBaseQuantity",
    UUID("3d786f96-f76e-11cf-9d89-0080c72e70a3"): "tagSeriesScale",
    UUID("3d786f97-f76e-11cf-9d89-0080c72e70a3"): "tagSeriesOffset",
    UUID("8973861f-f1c3-11cf-9d89-0080c72e70a3"): "tagSeriesShareChannelIdx",
    UUID("89738620-f1c3-11cf-9d89-0080c72e70a3"): "tagSeriesShareSeriesIdx",
    UUID("3d786f99-f76e-11cf-9d89-0080c72e70a3"): "tagSeriesValues",
}

_BY_NAME = {name: tag for tag, name in NAMES.items()}

CONTAINER: Final = _BY_NAME["tagContainer"]
REC_DATA_SOURCE: Final = _BY_NAME["tagRecDataSource"]
REC_MONITOR_SETTINGS: Final = _BY_NAME["tagRecMonitorSettings"]
REC_OBSERVATION: Final = _BY_NAME["tagRecObservation"]
BLANK: Final = _BY_NAME["tagBlank"]
VERSION_INFO: Final = _BY_NAME["tagVersionInfo"]
FILE_NAME: Final = _BY_NAME["tagFileName"]
CREATION: Final = _BY_NAME["tagCreation"]
APPLICATION: Final = _BY_NAME["tagApplication"]
COMPRESSION_STYLE_ID: Final = _BY_NAME["tagCompressionStyleID"]
COMPRESSION_ALGORITHM_ID: Final = _BY_NAME["tagCompressionAlgorithmID"]
DATA_SOURCE_TYPE_ID: Final = _BY_NAME["tagDataSourceTypeID"]
NAME_DS: Final = _BY_NAME["tagNameDS"]
SERIAL_NUMBER_DS: Final = _BY_NAME["tagSerialNumberDS"]
LOCATION_DS: Final = _BY_NAME["tagLocationDS"]
INSTRUMENT_MODEL_NAME: Final = _BY_NAME["tagInstrumentModelName"]
CHANNEL_DEFNS: Final = _BY_NAME["tagChannelDefns"]
ONE_CHANNEL_DEFN: Final = _BY_NAME["tagOneChannelDefn"]
CHANNEL_NAME: Final = _BY_NAME["tagChannelName"]
PHASE_ID: Final = _BY_NAME["tagPhaseID"]
QUANTITY_TYPE_ID: Final = _BY_NAME["tagQuantityTypeID"]
QUANTITY_MEASURED_ID: Final = _BY_NAME["tagQuantityMeasuredID"]
QUANTITY_NAME: Final = _BY_NAME["tagQuantityName"]
GROUP_NAME: Final = _BY_NAME["tagGroupName"]
SERIES_DEFNS: Final = _BY_NAME["tagSeriesDefns"]
ONE_SERIES_DEFN: Final = _BY_NAME["tagOneSeriesDefn"]
VALUE_TYPE_ID: Final = _BY_NAME["tagValueTypeID"]
QUANTITY_UNITS_ID: Final = _BY_NAME["tagQuantityUnitsID"]
QUANTITY_CHARACTERISTIC_ID: Final = _BY_NAME["tagQuantityCharacteristicID"]
STORAGE_METHOD_ID: Final = _BY_NAME["tagStorageMethodID"]
VALUE_TYPE_NAME: Final = _BY_NAME["tagValueTypeName"]
EFFECTIVE: Final = _BY_NAME["tagEffective"]
TIME_INSTALLED: Final = _BY_NAME["tagTimeInstalled"]
USE_CALIBRATION: Final = _BY_NAME["tagUseCalibration"]
USE_TRANSDUCER: Final = _BY_NAME["tagUseTransducer"]
CHANNEL_SETTINGS_ARRAY: Final = _BY_NAME["tagChannelSettingsArray"]
ONE_CHANNEL_SETTING: Final = _BY_NAME["tagOneChannelSetting"]
NOMINAL_FREQUENCY: Final = _BY_NAME["tagNominalFrequency"]
CHANNEL_DEFN_IDX: Final = _BY_NAME["tagChannelDefnIdx"]
XD_SYSTEM_SIDE_RATIO: Final = _BY_NAME["tagXDSystemSideRatio"]
XD_MONITOR_SIDE_RATIO: Final = _BY_NAME["tagXDMonitorSideRatio"]
OBSERVATION_NAME: Final = _BY_NAME["tagObservationName"]
TIME_CREATE: Final = _BY_NAME["tagTimeCreate"]
TIME_START: Final = _BY_NAME["tagTimeStart"]
TRIGGER_METHOD_ID: Final = _BY_NAME["tagTriggerMethodID"]
TIME_TRIGGERED: Final = _BY_NAME["tagTimeTriggered"]
DISTURBANCE_CATEGORY_ID: Final = _BY_NAME["tagDisturbanceCategoryID"]
CHANNEL_INSTANCES: Final = _BY_NAME["tagChannelInstances"]
ONE_CHANNEL_INST: Final = _BY_NAME["tagOneChannelInst"]
SERIES_INSTANCES: Final = _BY_NAME["tagSeriesInstances"]
ONE_SERIES_INSTANCE: Final = _BY_NAME["tagOneSeriesInstance"]
CHANNEL_FREQUENCY: Final = _BY_NAME["tagChannelFrequency"]
SERIES_SCALE: Final = _BY_NAME["tagSeriesScale"]
SERIES_OFFSET: Final = _BY_NAME["tagSeriesOffset"]
SERIES_SHARE_CHANNEL_IDX: Final = _BY_NAME["tagSeriesShareChannelIdx"]
SERIES_SHARE_SERIES_IDX: Final = _BY_NAME["tagSeriesShareSeriesIdx"]
SERIES_VALUES: Final = _BY_NAME["tagSeriesValues"]

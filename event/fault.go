package event

// fault is one way in which a line is not a row. It is a number so that finding one costs nothing; code and text come
// from the table below.
type fault uint8

const (
	faultNone fault = iota
	faultEnd
	faultToken
	faultTrailing
	faultEscape
	faultUTF8
	faultSurrogate
	faultControl
	faultDepth
	faultDuplicate
	faultArray
	faultNotObject
	faultNotRow
	faultWantString
	faultWantNumber
	faultQuotedNumber
	faultWantFeatures
	faultWantTimestamp
	faultEpochNumber
	faultEpochForm
	faultWantInteger
	faultMissing
	faultNull
	faultUnsaid
	faultNumber
	faultNaN
	faultOverflow
	faultNotFinite
	faultTimestamp
	faultEpoch
	faultTooOld
	faultTooNew
	faultNameEmpty
	faultNameLong
	faultNameUTF8
	faultNameControl
	faultFeaturesLong
	faultFeaturesJSON
	faultFeaturesDepth
	faultFeaturesDuplicate
	faultLineLong
	faultModels
	faultSeries
	faultMonths
	faultBound
	faultCount
)

var faults = [faultCount]struct {
	code Code
	text string
}{
	faultNone:              {CodeNone, ""},
	faultEnd:               {CodeSyntax, "the JSON ends too early"},
	faultToken:             {CodeSyntax, "unexpected character"},
	faultTrailing:          {CodeSyntax, "data after the JSON object"},
	faultEscape:            {CodeSyntax, "invalid escape sequence"},
	faultUTF8:              {CodeUTF8, "invalid UTF-8"},
	faultSurrogate:         {CodeUTF8, "lone surrogate"},
	faultControl:           {CodeControl, "raw control character in a string"},
	faultDepth:             {CodeDepth, "nested deeper than 32 levels"},
	faultDuplicate:         {CodeDuplicate, "duplicate key"},
	faultArray:             {CodeType, "a JSON array is not an event (arrays are accepted with format=json)"},
	faultNotObject:         {CodeType, "not a JSON object"},
	faultNotRow:            {CodeSyntax, "no row of the file's columns; the line says why"},
	faultWantString:        {CodeType, "must be a string"},
	faultWantNumber:        {CodeType, "must be a number"},
	faultQuotedNumber:      {CodeType, "must be a number, not a string"},
	faultWantFeatures:      {CodeType, "must be a string holding JSON, or a JSON object"},
	faultWantTimestamp:     {CodeType, "must be a string in one of the timestamp formats"},
	faultEpochNumber:       {CodeType, "an epoch is not accepted: must be a string, YYYY-MM-DD hh:mm:ss[.fff] or RFC 3339"},
	faultEpochForm:         {CodeTimestamp, "an epoch must be a decimal number without an exponent"},
	faultWantInteger:       {CodeType, "must be a string or an integer"},
	faultMissing:           {CodeMissing, "missing"},
	faultNull:              {CodeMissing, "null"},
	faultUnsaid:            {CodeMissing, "missing (null in JSON withdraws the actual)"},
	faultNumber:            {CodeNumber, "not a JSON number"},
	faultNaN:               {CodeNumber, "NaN and infinities are no JSON numbers; an actual that is not known is null"},
	faultOverflow:          {CodeNumber, "beyond the range of a 64-bit float"},
	faultNotFinite:         {CodeNumber, "not finite"},
	faultTimestamp:         {CodeTimestamp, "must be YYYY-MM-DD hh:mm:ss[.fff] or RFC 3339"},
	faultEpoch:             {CodeTimestamp, "an epoch is not accepted: must be YYYY-MM-DD hh:mm:ss[.fff] or RFC 3339"},
	faultTooOld:            {CodeTooOld, "older than the retention"},
	faultTooNew:            {CodeTooNew, "too far in the future"},
	faultNameEmpty:         {CodeName, "empty"},
	faultNameLong:          {CodeName, "longer than 256 bytes"},
	faultNameUTF8:          {CodeName, "not valid UTF-8"},
	faultNameControl:       {CodeName, "holds a control character"},
	faultFeaturesLong:      {CodeFeatures, "longer than 64 KiB"},
	faultFeaturesJSON:      {CodeFeatures, "not a JSON text"},
	faultFeaturesDepth:     {CodeFeatures, "JSON text nested deeper than 32 levels"},
	faultFeaturesDuplicate: {CodeFeatures, "JSON text with a duplicate key"},
	faultLineLong:          {CodeLineTooLong, "longer than 1 MiB"},
	faultModels:            {CodeTooManyModels, "a new model, and the store has as many as it may"},
	faultSeries:            {CodeTooManySeries, "a new version or environment, and the model has as many as it may"},
	faultMonths:            {CodeTooManyMonths, "a new month in the past, and the store has as many as it may"},
	faultBound:             {CodeOtherModel, "the token of the sender is bounded to other models"},
}

// code returns the class of the fault.
func (f fault) code() Code { return faults[f].code }

// reason returns the text of the fault.
func (f fault) reason() string { return faults[f].text }

// ofFeatures translates a fault inside a features text, which is JSON of its own, into the fault of the column.
func (f fault) ofFeatures() fault {
	switch f {
	case faultNone:
		return faultNone
	case faultDepth:
		return faultFeaturesDepth
	case faultDuplicate:
		return faultFeaturesDuplicate
	default:
		return faultFeaturesJSON
	}
}

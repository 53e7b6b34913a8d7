package service

// Log messages that tests, trials and alerts match. Change them only together
// with what matches them.
const (
	LogStarted             = "pianola started"
	LogDraining            = "shutdown requested, draining; send the signal again to exit immediately"
	LogStopped             = "pianola stopped"
	LogReconcileStarted    = "reconciliation started"
	LogNothingCompared     = "reconciliation compared nothing although there are subscriptions to compare; it shows nothing about them"
	LogSegmentMaterialised = "segment materialised"
	LogConversionsRead     = "promotions and conversions read"
	LogExportStarted       = "export started"
	LogNothingExported     = "export found nothing although there should be rows"
	LogFeatureDisabled     = "feature disabled"
)

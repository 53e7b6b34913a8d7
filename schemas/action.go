package schemas

// The twelve canonical actions (contract §2, stage 5).
const (
	Created           = "Created"
	Renewed           = "Renewed"
	Expired           = "Expired"
	Canceled          = "Canceled"
	TrialStarted      = "TrialStarted"
	TrialEnded        = "TrialEnded"
	PaymentFailed     = "PaymentFailed"
	Upgraded          = "Upgraded"
	Downgraded        = "Downgraded"
	Resumed           = "Resumed"
	AutoRenewDisabled = "Auto-renew disabled"
	AutoRenewEnabled  = "Auto-renew enabled"
)

// Actions returns the twelve canonical actions in the contract's order.
func Actions() []string {
	return []string{
		Created, Renewed, Expired, Canceled, TrialStarted, TrialEnded,
		PaymentFailed, Upgraded, Downgraded, Resumed, AutoRenewDisabled, AutoRenewEnabled,
	}
}

package transform

// finish builds the event from the results of the stages.
func (w *Worker) finish() {
	e, t := &w.event, &w.texts
	e.SubscriptionID = t[subscriptionID]
	e.UserID = t[userID]
	if e.UserID == nil {
		e.UserID = noText
	}
	e.EventTimestamp = w.at
	e.SubscriptionAction = w.action
	e.EventName = t[eventName]
	e.ResourceName = t[resourceName]
	e.NextBilledAt = w.nextBilled
	e.BillingPeriod = t[billingPeriod]
	e.TermType = t[termType]
	e.TermName = t[termName]
	e.TransactionValue = w.amount
	e.TrialPeriodEndedAt = w.trialEnded
	e.TrialDuration = t[trialDuration]
	e.BillingCountryCode = t[billingCountryCode]
	e.SubscriptionPeriodNumber = w.count
	e.PaymentMode = t[paymentMode]
	e.UpgradeToSubscriptionID = t[upgradeToSubscriptionID]
	e.UserEmailHashSHA256 = w.hash
	e.IsInternalUser = w.internalFlag
	e.ExperienceName = t[experienceName]
	e.SubscriptionActionRaw = t[subscriptionAction]
	e.ID = w.eventID(e.SubscriptionID, e.EventTimestamp, e.SubscriptionAction)
}

// noText is an absent user id, the only column whose absence is not NULL.
var noText = []byte{}

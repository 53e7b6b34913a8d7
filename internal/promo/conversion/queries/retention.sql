sumForEach(arrayMap(m -> toUInt64(redeemed AND begins + toIntervalMonth(m) <= at), {months:Array(UInt16)})) AS retention_due,
    sumForEach(arrayMap(m -> toUInt64(redeemed AND begins + toIntervalMonth(m) <= at AND (alive OR ifNull(ended > begins + toIntervalMonth(m), false))), {months:Array(UInt16)})) AS retained

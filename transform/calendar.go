package transform

const secondsPerDay = 86_400

// daysIn is the length of a month (1 to 12) in the Gregorian calendar.
func daysIn(year, month uint) uint {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysBeforeDate is the number of days from 1970-01-01 to a date of the
// proleptic Gregorian calendar, year 0 and later. Years are counted from March,
// so that the leap day is a year's last and months have a fixed start.
func daysBeforeDate(year, month, day uint) int64 {
	y, m := int64(year), int64(month)-3
	if m < 0 {
		y, m = y-1, m+12
	}
	y += 400 // keeps the divisions for January and February of year 0 non-negative
	const daysIn400Years, daysToEpoch = 146_097, 719_468
	leapDays := y/4 - y/100 + y/400
	return y*365 + leapDays + (153*m+2)/5 + int64(day) - 1 - daysIn400Years - daysToEpoch
}

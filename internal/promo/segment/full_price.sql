-- A charge before the months, and none below the list price since the last of these.
s.live AND NOT s.in_trial AND s.regular_price > 0 AND notEmpty(arrayFilter(c -> c.1 <= at - toIntervalMonth({months:UInt32}), s.charges))
  AND arrayAll(c -> c.2 >= s.regular_price, arrayFilter(c -> c.1 >= arrayMax(arrayMap(d -> if(d.1 <= at - toIntervalMonth({months:UInt32}), d.1, toDateTime64(0, 3, 'UTC')), s.charges)), s.charges))

// Package promotion reads promotions and promo codes from Piano, and creates them.
//
// Words:
//
//   - promotion: the rule of a discount. Codes belong to one.
//   - code: what a reader types. Either one fixed code for all, or generated codes, each for
//     one use.
//   - state: active, used, or reserved: by a free trial or by a delayed payment. A reserved
//     code is not redeemed. It becomes used at the first charge.
//   - discounted periods: how many billing periods have the discount; none for all.
//
// # The main path
//
// [Promotions.List] and [Promotions.Codes] read. [Promotions.Create], [Promotions.Generate]
// and [Promotions.AddCode] plan, or send once what they planned. After each request they
// read the promotion again and compare every field with what was wanted: Piano leaves out
// parameters that it does not take, and says that it is done. A request without a clear
// answer is not repeated; the report says what is there now.
//
// Codes that nobody has used are worth money. This package passes them on and stores none.
// [Code.Masked] is how lists show them.
package promotion

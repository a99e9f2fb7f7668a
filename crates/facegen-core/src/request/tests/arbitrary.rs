//! Arbitrary values are parsed or refused, and nothing panics.

use proptest::prelude::*;

use super::*;

fn any_scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        Just(Scalar::Null),
        any::<bool>().prop_map(Scalar::Bool),
        any::<i64>().prop_map(Scalar::Integer),
        (0_i64..800).prop_map(Scalar::Integer),
        any::<f64>().prop_map(Scalar::Float),
        "\\PC{0,20}".prop_map(Scalar::Text),
        "[0-9]{1,4}(\\.[0-9]{1,2})?".prop_map(Scalar::Text),
    ]
}

proptest! {
    #[test]
    fn every_parsed_value_is_in_range(
        width in any_scalar(),
        height in any_scalar(),
        steps in any_scalar(),
        guidance_scale in any_scalar(),
        s_scale in any_scalar(),
    ) {
        let raw = raw(&[
            ("width", width),
            ("height", height),
            ("num_inference_steps", steps),
            ("guidance_scale", guidance_scale),
            ("s_scale", s_scale),
        ]);
        match raw.parse(&RequestLimits::default()) {
            Err(error) => prop_assert!(!error.errors.is_empty()),
            Ok(request) => {
                let request = request.resolve_seed(|| 0);
                prop_assert!(request.spec.width() % 8 == 0 && request.spec.height() % 8 == 0);
                prop_assert!(request.spec.width() >= 64 && request.spec.height() >= 64);
                prop_assert!(request.spec.width() * request.spec.height() <= 512 * 768);
                prop_assert!([21, 31, 41].contains(&request.spec.steps()));
                prop_assert!((0.0..=20.0).contains(&request.spec.guidance_scale()));
                prop_assert!((0.0..=2.0).contains(&request.spec.s_scale()));
            }
        }
    }
}

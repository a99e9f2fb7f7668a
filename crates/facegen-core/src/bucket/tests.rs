use super::*;

fn raw() -> RawBucketDetails {
    RawBucketDetails {
        public_url: "https://cdn.example/generations/".into(),
        region_name: "us-east-1".into(),
        endpoint_url: "https://storage.example".into(),
        aws_access_key_id: "AKIA1".into(),
        aws_secret_access_key: "hunter2".into(),
        image_directory: "/images/generations/".into(),
        ..RawBucketDetails::default()
    }
}

#[test]
fn details_show_neither_the_keys_nor_where_the_images_are() {
    let details = raw().parse().unwrap();
    assert_eq!(details.image_directory, "images/generations");
    assert_eq!(details.secret_access_key.expose(), "hunter2");
    for printed in [format!("{details:?}"), format!("{:?}", raw())] {
        for hidden in ["AKIA1", "hunter2", "cdn.example/generations"] {
            assert!(!printed.contains(hidden), "{printed}");
        }
    }
}

#[test]
fn servers_that_do_not_run_here_are_refused() {
    for (deploy_type, accepted) in [
        ("", true),
        ("face_gen", true),
        ("FACE_GEN", true),
        ("image_editing", true),
        ("text_to_image", true),
        ("video", false),
        ("z_image_turbo", false),
        ("something", false),
    ] {
        let mut details = raw();
        details.deploy_type = deploy_type.into();
        assert_eq!(details.parse().is_ok(), accepted, "{deploy_type}");
    }
}

#[test]
fn what_would_lead_elsewhere_is_refused() {
    for (field, value) in [
        ("endpoint_url", "ftp://storage.example"),
        ("endpoint_url", "https://"),
        ("endpoint_url", "https://u:p@storage.example"),
        ("endpoint_url", "https://storage.example?x=1"),
        ("endpoint_url", "https://storage.example\\evil"),
        ("public_url", "https://cdn.example/a b"),
        ("public_url", "https://cdn.example/#"),
        ("region_name", "us east"),
        ("aws_access_key_id", "a\nb"),
        ("image_directory", "/"),
        ("image_directory", "a//b"),
        ("image_directory", "a/../b"),
        ("image_directory", "."),
        ("image_directory", "arn:aws:s3"),
        ("image_directory", "a%2e"),
    ] {
        let mut details = raw();
        *details.field_mut(field).unwrap() = value.into();
        let errors = details.parse().unwrap_err().errors;
        assert_eq!(errors.len(), 1, "{value}");
        assert_eq!(errors[0].field, field, "{value}");
    }
}

#[test]
fn all_that_is_missing_is_named_at_once() {
    let errors = RawBucketDetails::default().parse().unwrap_err().errors;
    let named: Vec<&str> = errors.iter().map(|error| error.field).collect();
    assert_eq!(named, RawBucketDetails::NAMES[1..]);
}

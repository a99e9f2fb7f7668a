//! The metadata of generated images: an XMP packet (ISO 16684-1) with IPTC's
//! digital source type, which search engines and platforms read.
//!
//! It is the same in all images of a version, so it holds nothing about the
//! person, the key or the prompt, and the same request still gives the same
//! bytes.

use crate::Provenance;

/// The text chunk of a PNG that holds XMP.
pub(crate) const KEYWORD: &str = "XML:com.adobe.xmp";

/// Returns the XMP packet of an image.
pub(crate) fn packet(provenance: &Provenance) -> String {
    let generator = escaped(&provenance.generator);
    format!(
        concat!(
            "<?xpacket begin=\"\u{FEFF}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n",
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n",
            " <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n",
            "  <rdf:Description rdf:about=\"\"\n",
            "    xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n",
            "    xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\"\n",
            "    xmp:CreatorTool=\"{}\"\n",
            "    Iptc4xmpExt:DigitalSourceType=\"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia\"/>\n",
            " </rdf:RDF>\n",
            "</x:xmpmeta>\n",
            "<?xpacket end=\"r\"?>",
        ),
        generator
    )
}

/// Escapes a text for an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

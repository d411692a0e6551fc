using System.Buffers.Binary;
using System.Text;

namespace RlPrimitives.Models.Native;

/// <summary>Edits the symbol-version needs of a 64-bit little-endian ELF library.</summary>
/// <remarks>
/// TorchSharp 0.107.0 was linked with GCC 13, so its library says that it needs version GLIBCXX_3.4.32 of libstdc++; the one symbol of
/// that version, <c>std::ios_base_library_init</c>, is a marker without a relocation. A version need that is marked weak
/// (<c>VER_FLG_WEAK</c>) makes the loader go on where the version is absent (gABI, "Symbol Versioning").
/// </remarks>
public static class ElfVersionNeeds
{
    private const uint SectionVersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort Weak = 2;                       // VER_FLG_WEAK

    /// <summary>Marks every need of <paramref name="version"/> weak, in place.</summary>
    /// <param name="library">The library's bytes.</param>
    /// <param name="version">The version name, for example <c>GLIBCXX_3.4.32</c>.</param>
    /// <returns>The number of entries changed; 0 where the bytes are no such library or hold no such need.</returns>
    public static int Relax(Span<byte> library, string version)
    {
        if (library.Length < 64 || library[0] != 0x7f || library[1] != 'E' || library[2] != 'L' || library[3] != 'F' || library[4] != 2 || library[5] != 1)
        {
            return 0;
        }

        var sections = (long)BinaryPrimitives.ReadUInt64LittleEndian(library[40..]);
        int entrySize = BinaryPrimitives.ReadUInt16LittleEndian(library[58..]), count = BinaryPrimitives.ReadUInt16LittleEndian(library[60..]);
        var changed = 0;
        for (var i = 0; i < count; i++)
        {
            var header = sections + ((long)i * entrySize);
            if (!Fits(library, header, 64) || Read32(library, header + 4) != SectionVersionNeeds)
            {
                continue;
            }

            var names = sections + (Read32(library, header + 40) * (long)entrySize); // sh_link: the string table
            if (!Fits(library, names, 64))
            {
                continue;
            }

            var strings = (long)BinaryPrimitives.ReadUInt64LittleEndian(library[(int)(names + 24)..]);
            var need = (long)BinaryPrimitives.ReadUInt64LittleEndian(library[(int)(header + 24)..]);
            var libraries = Read32(library, header + 44); // sh_info: one entry a library
            for (var n = 0; n < libraries && Fits(library, need, 16); n++)
            {
                var aux = need + Read32(library, need + 8);
                var versions = BinaryPrimitives.ReadUInt16LittleEndian(library[(int)(need + 2)..]);
                for (var v = 0; v < versions && Fits(library, aux, 16); v++)
                {
                    if (NameAt(library, strings + Read32(library, aux + 8)) == version)
                    {
                        var flags = library[(int)(aux + 4)..];
                        BinaryPrimitives.WriteUInt16LittleEndian(flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | Weak));
                        changed++;
                    }

                    aux += Read32(library, aux + 12);
                }

                need += Read32(library, need + 12);
            }
        }

        return changed;
    }

    private static bool Fits(ReadOnlySpan<byte> bytes, long offset, int size) => offset >= 0 && offset <= bytes.Length - size;

    private static uint Read32(ReadOnlySpan<byte> bytes, long offset) =>
        Fits(bytes, offset, 4) ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[(int)offset..]) : 0;

    private static string NameAt(ReadOnlySpan<byte> bytes, long offset)
    {
        if (!Fits(bytes, offset, 1))
        {
            return "";
        }

        var rest = bytes[(int)offset..];
        var end = rest.IndexOf((byte)0);
        return end < 0 ? "" : Encoding.ASCII.GetString(rest[..end]);
    }
}

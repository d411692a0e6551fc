using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace RlPrimitives.Models.Native;

/// <summary>Loads libtorch and TorchSharp's native half before the first tensor is touched.</summary>
/// <remarks>
/// Order: the folder named by <c>RLNOTEBOOKS_LIBTORCH</c> if it is set (for example the <c>lib</c> folder of a Python torch), otherwise the
/// natives beside the TorchSharp assembly. On a system whose libstdc++ is older than GCC 13's (Debian 12, Ubuntu 22.04) TorchSharp's own
/// library fails to load although it uses nothing of the newer version; then, and only then, a relaxed copy is loaded
/// (<see cref="ElfVersionNeeds"/>). The package cache is never written to.
/// </remarks>
public static class TorchLibrary
{
    /// <summary>Environment variable that names an existing folder holding libtorch (and optionally libLibTorchSharp).</summary>
    public const string FolderVariable = "RLNOTEBOOKS_LIBTORCH";

    private static readonly Lock Gate = new();
    private static bool done;

    /// <summary>What was loaded, from where: for run records and bug reports. Empty until the first tensor.</summary>
    public static string Description { get; private set; } = "";

    // A module initializer, so that it runs before any code of the library touches `torch`, in a console, a test or a script host alike.
#pragma warning disable CA2255 // Meant for applications, but here the order of two native loads is the point.
    [ModuleInitializer]
    internal static void Initialize()
    {
        try
        {
            EnsureLoaded();
        }
        catch (DllNotFoundException)
        {
            // Thrown again, with the same text, by EnsureLoaded when something needs a tensor. A module initializer must not take
            // down users of the parts that need no tensor.
        }
    }
#pragma warning restore CA2255

    /// <summary>Loads the native libraries once; later calls return at once.</summary>
    /// <exception cref="DllNotFoundException">Nothing could be loaded; the message lists what was tried and what to do.</exception>
    public static void EnsureLoaded()
    {
        lock (Gate)
        {
            if (done)
            {
                return;
            }

            Load();
            done = true;
        }
    }

    private static void Load()
    {
        var tried = new List<string>();
        var named = Environment.GetEnvironmentVariable(FolderVariable);
        if (!string.IsNullOrEmpty(named))
        {
            if (!File.Exists(Path.Combine(named, LibTorch)))
            {
                throw new DllNotFoundException($"{FolderVariable} is '{named}', but there is no {LibTorch} in it. " +
                    "Point it at a folder that holds one (for a Python torch: <site-packages>/torch/lib), or unset it.");
            }

            var wrapper = Folders().Prepend(named).Select(f => Path.Combine(f, Wrapper)).FirstOrDefault(File.Exists)
                ?? throw new DllNotFoundException($"{Wrapper} was found neither in {FolderVariable} ('{named}') nor in {string.Join(", ", Folders())}.");
            if (TryLoadPair(named, wrapper, tried))
            {
                return;
            }
        }
        else
        {
            foreach (var folder in Folders())
            {
                var wrapper = Path.Combine(folder, Wrapper);
                if (File.Exists(wrapper) && File.Exists(Path.Combine(folder, LibTorch)) && TryLoadPair(folder, wrapper, tried))
                {
                    return;
                }
            }
        }

        var advice = "Remedy: restore and build for this machine (dotnet build; add -p:TorchDevice=cuda for an NVIDIA GPU), or set " +
            $"{FolderVariable} to a folder with libtorch 2.10 (for example the lib folder of a Python torch).";
        throw new DllNotFoundException(tried.Count == 0
            ? $"No folder holds both {LibTorch} and {Wrapper}. Looked in: {string.Join(", ", Folders())}. {advice}"
            : $"libtorch could not be loaded on {RuntimeInformation.OSDescription}. Tried:\n  {string.Join("\n  ", tried)}\n{advice}");
    }

    private static bool TryLoadPair(string folder, string wrapper, List<string> tried)
    {
        // libtorch first and by path: the libraries that depend on it then find it by its name, whatever folder they lie in.
        // The CUDA half registers itself only when loaded; where it is present it must be asked for by name.
        foreach (var library in new[] { LibTorch, LibTorchCuda })
        {
            var path = Path.Combine(folder, library);
            if (File.Exists(path) && !NativeLibraryProbe.TryLoad(path, out var error))
            {
                tried.Add($"{path}: {error}");
                return false;
            }
        }

        if (NativeLibraryProbe.TryLoad(wrapper, out var stockError))
        {
            Resolve(folder, wrapper);
            Description = $"{LibTorch} from {folder}; {Wrapper} as shipped";
            return true;
        }

        tried.Add($"{wrapper}: {stockError}");
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        var relaxed = RelaxedCopy(wrapper);
        if (relaxed is null)
        {
            return false;
        }

        if (NativeLibraryProbe.TryLoad(relaxed, out var relaxedError))
        {
            Resolve(folder, relaxed);
            Description = $"{LibTorch} from {folder}; {Wrapper} with a relaxed libstdc++ version need";
            return true;
        }

        tried.Add($"{relaxed} (relaxed copy): {relaxedError}");
        return false;
    }

    // TorchSharp asks for "LibTorchSharp": hand it the copy that loaded. This library asks for "torch_cpu" (AtenOperators): hand it the
    // one that was loaded above, never a second one from another folder.
    private static void Resolve(string folder, string wrapperPath)
    {
        var wrapper = NativeLibrary.Load(wrapperPath);
        NativeLibrary.SetDllImportResolver(typeof(TorchSharp.torch).Assembly, (name, assembly, path) =>
            name is "LibTorchSharp" ? wrapper : NativeLibrary.TryLoad(name, assembly, path, out var handle) ? handle : IntPtr.Zero);
        var operators = NativeLibrary.Load(Path.Combine(folder, FileNameOf("torch_cpu")));
        NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), (name, assembly, path) =>
            name is "torch_cpu" ? operators : NativeLibrary.TryLoad(name, assembly, path, out var handle) ? handle : IntPtr.Zero);
    }

    /// <summary>Writes the relaxed copy to a per-user cache, keyed by version and length, under a temporary name first.</summary>
    private static string? RelaxedCopy(string wrapper)
    {
        var source = new FileInfo(wrapper);
        var version = typeof(TorchSharp.torch).Assembly.GetName().Version;
        var length = source.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target.Length : source.Length;
        var root = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        foreach (var cache in new[] { Path.Combine(root.Length > 0 ? root : Path.GetTempPath(), "RlNotebooks", "native"), Path.Combine(Path.GetTempPath(), $"RlNotebooks-{Environment.UserName}") })
        {
            var path = Path.Combine(cache, $"{version}-{length}", Wrapper);
            if (File.Exists(path) && new FileInfo(path).Length == length)
            {
                return path;
            }

            var bytes = File.ReadAllBytes(wrapper);
            if (ElfVersionNeeds.Relax(bytes, "GLIBCXX_3.4.32") == 0)
            {
                return null;
            }

            try
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                var temporary = $"{path}.{Environment.ProcessId}.tmp";
                File.WriteAllBytes(temporary, bytes);
                File.Move(temporary, path, overwrite: true);
                return path;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // A home without write permission: the temporary folder is the second choice.
            }
        }

        return null;
    }

    private static IEnumerable<string> Folders()
    {
        var assembly = Path.GetDirectoryName(typeof(TorchSharp.torch).Assembly.Location);
        var here = Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location);
        var search = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return new[] { assembly, here }.OfType<string>().Where(f => f.Length > 0)
            .SelectMany(f => new[] { f, Path.Combine(f, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"), Path.Combine(f, "runtimes", PortableRid, "native") })
            .Concat(search).Append(AppContext.BaseDirectory)
            .Select(f => Path.GetFullPath(f).TrimEnd(Path.DirectorySeparatorChar)).Distinct();
    }

    private static string PortableRid =>
        $"{(OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux")}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";

    private static string FileNameOf(string name) =>
        OperatingSystem.IsWindows() ? $"{name}.dll" : OperatingSystem.IsMacOS() ? $"lib{name}.dylib" : $"lib{name}.so";

    private static string LibTorch => FileNameOf("torch");

    private static string LibTorchCuda => FileNameOf("torch_cuda");

    private static string Wrapper => FileNameOf("LibTorchSharp");

    private static class NativeLibraryProbe
    {
        public static bool TryLoad(string path, out string error)
        {
            try
            {
                NativeLibrary.Load(path);
                error = "";
                return true;
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                error = e.Message.Split('\n')[0].Trim();
                return false;
            }
        }
    }
}

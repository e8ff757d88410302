"""Names that capitalised words stand for, where no article's title tells; written with semicolons between them."""

PEOPLE = """
    Abraham Lincoln; Adi Shankara; Adolf Hitler; Aristotle; Ashoka; Augustus; Beethoven; Caesar;
    Catherine the Great; Charlemagne; Christopher Columbus; Cicero; Cleopatra; Confucius; Cyrus the Great; Darwin;
    Einstein; Elizabeth I; Freud; Friedrich Engels; Galileo; Gandhi; Gautama Buddha; Genghis Khan;
    George Washington; Hitler; Jesus; Jesus Christ; Jesus of Nazareth; Joseph Stalin; Julius Caesar; Karl Marx;
    Leonardo da Vinci; Mansa Musa; Mao Zedong; Michelangelo; Moses; Mozart; Muhammad; Napoleon; Napoleon Bonaparte;
    Nelson Mandela; Plato; Qin Shi Huang; Queen Elizabeth II; Queen Victoria; Ramesses II; Rembrandt; Shakespeare;
    Shen Kuo; Socrates; Stalin; Wu Zetian
"""
PLACES = """
    Africa; Alabama; Alaska; Alberta; Alexandria; Alps; America; Americas; Anatolia; Ancient Egypt; Ancient Greece;
    Ancient Rome; ancient Rome; Andes; Anhui; Antioch; Appalachians; Arabia; Arabian Peninsula; Aragon; Arizona;
    Arkansas; Asia Minor; Assam; Austria; Baja California; Balkan Peninsula; Balkans; Baltic states; Baltimore;
    Bavaria; Belarus; Bengal; Black Forest; Bohemia; Borneo; Bosnia; Bosnia and Herzegovina; Boston; Britain;
    British Columbia; British India; British Isles; Brooklyn; Burgundy; Burma; California; Cambridge; Caribbean;
    Carpathians; Carthage; Castile; Catalonia; Caucasus; Central Africa; Central America; Central Asia;
    Central Europe; Central Italy; Chhattisgarh; Colorado; Connecticut; Constantinople; Corinth; Corsica; Crete;
    Crimea; Croatia; Cyprus; Dalmatia; Danube; Delaware; Detroit; Dutch Republic; East Africa; East Asia;
    East Germany; Eastern Africa; Eastern Asia; Eastern Europe; Eastern Mediterranean; England; Eurasia; Europe;
    European Russia; Far East; Flanders; Florence; Florida; Fujian; Galicia; Gansu; Gaul; Gaza; Great Britain;
    Greece; Guangdong; Guangxi; Guizhou; Gujarat; Haiti; Harlem; Haryana; Hawaii; Hebei; Heilongjiang; Henan;
    Himalayas; Hispania; Hokkaido; Holland; Hollywood; Honshu; Horn of Africa; Hubei; Hunan; Iberia;
    Iberian Peninsula; Idaho; Illinois; Indian subcontinent; Indiana; Indochina; Inner Mongolia; Iowa; Ireland;
    Italian Peninsula; Jamaica; Java; Jerusalem; Jharkhand; Jiangsu; Jiangxi; Jilin; Judea; Kansas; Karnataka;
    Kashmir; Kentucky; Kerala; Korea; Korean Peninsula; Kyushu; Latin America; Left Bank; Levant; Liaoning;
    Lombardy; Los Angeles; Louisiana; Macedon; Macedonia; Madhya Pradesh; Maghreb; Maharashtra; Maine;
    Malay Peninsula; Malaya; Manchuria; Manhattan; Manitoba; Maryland; Massachusetts; Mecca; Medina; Mesoamerica;
    Michigan; Middle East; Minnesota; Mississippi; Missouri; Montana; Montenegro; Moravia; Naples; Near East;
    Nebraska; Netherlands; Nevada; New Brunswick; New Delhi; New England; New Hampshire; New Jersey; New Mexico;
    New South Wales; New York; New York City; Newfoundland; Nile; Normandy; North Africa; North America; North Asia;
    North Atlantic; North Atlantic Ocean; North Carolina; North Dakota; North Macedonia; Northern Africa;
    Northern America; Northern Asia; Northern California; Northern England; Northern Europe; Northern Germany;
    Northern India; Northern Ireland; Northern Italy; Northern Russia; Northwest Territories; Nova Scotia; Nunavut;
    Odisha; Ohio; Oklahoma; Ontario; Oregon; Outer Mongolia; Oxford; Palestine; Papua New Guinea; Peloponnese;
    Pennsylvania; People's Republic of China; Persia; Philadelphia; Philippines; Pittsburgh; Polynesia; Pomerania;
    Provence; Prussia; Puerto Rico; Punjab; Pyrenees; Qinghai; Quebec; Queensland; Rajasthan; Republic of China;
    Republic of Ireland; Rhine; Rhode Island; Rhodesia; Russian Far East; Sahara; Sahel; Saint Petersburg;
    San Francisco; Sardinia; Saxony; Scandinavia; Scotland; Shaanxi; Shandong; Shanxi; Siam; Siberia; Sichuan;
    Sicily; Silesia; South America; South Asia; South Atlantic; South Australia; South Carolina; South Caucasus;
    South China; South Dakota; South India; South Pacific; South Pacific Ocean; Southeast Africa; Southeast Asia;
    Southeast Europe; Southeastern Europe; Southern Africa; Southern California; Southern Europe; Southern Germany;
    Southern India; Southern Italy; Southern Levant; Southern Russia; Southwest Asia; Sub-Saharan Africa; Sumatra;
    Sussex; Tahiti; Tamil Nadu; Tasmania; Telangana; Tennessee; Texas; Thames; Thrace; Tibet; Tobago; Transylvania;
    Trinidad; Turkey; Turkiye; Tuscany; U.S.; UK; United Kingdom; United States; United States of America;
    Ural Mountains; Urals; US; USA; USSR; Utah; Uttar Pradesh; Vermont; Victoria; Virginia; Wales; Washington, D.C.;
    Weimar Republic; West Africa; West Asia; West Bank; West Bengal; West Germany; West Indies; West Virginia;
    Western Africa; Western Asia; Western Australia; Western Europe; Western Mediterranean; Wisconsin; Wyoming;
    Xinjiang; Yorkshire; Yugoslavia; Yunnan; Zhejiang; Zimbabwe
"""
ORGANISATIONS = """
    ABC; Academy of Motion Picture Arts and Sciences; Académie française; African National Congress; African Union;
    Airbus; Al-Qaeda; al-Qaeda; Amazon.com; American Film Institute; Amnesty International; ANC; Apple Inc.;
    Arab League; ASEAN; Associated Press; Ba'ath Party; Ballets Russes; Bauhaus; BBC; BBC Radio; Bell Labs;
    Berlin Philharmonic; Black Panther Party; Boeing; Bolshevik Party; Bolshoi Theatre; Boston Celtics;
    British Army; British Parliament; Brooklyn Dodgers; Bundestag; Catholic Church; CBS;
    Central Intelligence Agency; CERN; Chicago Bulls; Chinese Communist Party; Church of England;
    Church of Scotland; CIA; CNN; Columbia Records; Commonwealth of Nations; Communist Party; Confederate Army;
    Conservative Party; Continental Army; DARPA; Democratic Party; Dutch East India Company; East India Company;
    Eastern Orthodox Church; EMI; Eton College; EU; European Commission; European Parliament; European Space Agency;
    European Union; Facebook; FBI; FC Barcelona; Federal Bureau of Investigation; Federalist Party; FIFA; Forbes;
    French Army; GATT; General Motors; German Army; Gestapo; Google; Green Party; Greenpeace; Hamas;
    Harvard College; HBO; Hezbollah; Honda; House of Commons; House of Lords; House of Representatives; IBM; IMF;
    Indian National Congress; Intel; Intergovernmental Panel on Climate Change; International Court of Justice;
    International Olympic Committee; Interpol; IPCC; IUPAC; Juventus; Knesset; Knights Templar; Ku Klux Klan;
    Kuomintang; La Scala; Labor Party; Labour Party; League of Nations; Liberal Party; Lok Sabha;
    London Symphony Orchestra; Los Angeles Lakers; Louvre; Luftwaffe; Major League Baseball; Manchester United;
    Marvel Comics; Massachusetts Institute of Technology; McDonald's; Metro-Goldwyn-Mayer; Metropolitan Opera; MGM;
    Microsoft; MIT; Motown; NAACP; NASA; National Basketball Association; National Football League; National Guard;
    National Hockey League; NATO; Nazi Party; Nazi SS; NBA; NBC; Netflix; New York Philharmonic;
    New York Stock Exchange; New York Yankees; NFL; NHL; Nintendo; OPEC; Oxfam; Paramount Pictures;
    Parliament of the United Kingdom; Premier League; Prussian Army; RCA; Real Madrid; Red Army; Red Cross;
    Red Guards; Reichstag; Republican Party; Roman Catholic Church; Roman Senate; Royal Academy; Royal Air Force;
    Royal Institution; Royal Navy; Royal Shakespeare Company; Royal Society; Russian Orthodox Church; Samsung;
    Scientific American; Sega; Socialist Party; Sony; Sorbonne; Soviet Army; State Duma; Supreme Court;
    Supreme Court of the United States; Swedish Academy; Taliban; Tate; The Beatles; The Guardian;
    The New York Times; The Rolling Stones; The Times; Toyota; Trinity College; Twitter; U.S. Air Force; U.S. Army;
    U.S. Congress; U.S. Navy; U.S. Senate; U.S. Supreme Court; UEFA; UN; UNESCO; UNICEF; Union Army; United Nations;
    United States Army; United States Congress; United States Navy; United States Senate;
    University of California, Los Angeles; Vienna Philharmonic; Viet Cong; Vietcong; Warner Bros.; Warsaw Pact;
    Wehrmacht; Whig Party; WHO; Wikipedia; World Bank; World Health Organization; World Trade Organization; WWF;
    YouTube
"""
# also their languages and adjectives
PEOPLES = """
    Afghan; African; African American; African Americans; African-American; Akkadian; Albanian; Algerian; American;
    Americans; Andalusian; Anglo-American; Anglo-Irish; Angolan; Arab; Argentine; Argentinian; Armenian; Armenians;
    Assyrian; Assyrians; Athenian; Athenians; Australian; Australians; Austrian; Austrian-born; Austrian-German;
    Austrians; Austro-Hungarian; Azerbaijani; Aztec; Aztecs; Babylonian; Babylonians; Balinese; Bangladeshi; Basque;
    Bavarian; Belarusian; Belgian; Bengali; Bolivian; Bosnian; Brazilian; Brazilians; British; British-American;
    Bulgarian; Bulgarians; Burmese; Byzantine; Cambodian; Cameroonian; Canadian; Canadian-American; Canadians;
    Carthaginian; Castilian; Catalan; Chilean; Chinese; Chinese-American; Colombian; Congolese; Cornish; Corsican;
    Croatian; Cuban; Cypriot; Czech; Czechs; Danes; Danish; Dutch; Ecuadorian; Egyptian; Egyptians; English;
    Estonian; Ethiopian; Ethiopians; Etruscan; Etruscans; Filipino; Finnish; Finns; Flemish; Florentine;
    Franco-Swiss; Frankish; Franks; French; French-American; Gaelic; Gauls; Genevan; Genoese; Georgian; German;
    German-American; German-born; German-British; Germans; Ghanaian; Goths; Greco-Roman; Greek; Greeks; Guatemalan;
    Haitian; Han Chinese; Hawaiian; Honduran; Hungarian; Hungarian-American; Hungarian-born; Hungarians; Huns;
    Icelandic; Igbo; Inca; Incas; Indian; Indians; Indonesian; Indonesians; Iranian; Iranians; Iraqi; Irish;
    Israeli; Israelite; Israelites; Italian; Italian-American; Italian-born; Italians; Jamaican; Japanese; Javanese;
    Jordanian; Kazakh; Kenyan; Khmer; Korean; Koreans; Kurdish; Kurds; Kyrgyz; Lao; Latin American; Latvian;
    Lebanese; Libyan; Lithuanian; Macedonian; Malagasy; Malay; Malaysian; Malian; Maltese; Manchu; Maori; Maya;
    Mesopotamian; Mexican; Mexicans; Minoan; Mongol; Mongolian; Mongols; Moroccan; Māori; Native American;
    Native Americans; Nepalese; Nepali; New Zealander; Nigerian; Norman; Normans; Norse; North American;
    North Korean; Norwegian; Norwegians; Ottoman; Pakistani; Palestinian; Palestinians; Persian; Persians; Peruvian;
    Phoenician; Phoenicians; Polish; Polish-American; Polish-British; Polish-French; Polynesian; Portuguese;
    Prussian; Roman; Romanian; Romanian-French; Romans; Russian; Russian-American; Russian-born; Russians; Saudi;
    Saxon; Saxons; Scots; Scottish; Scottish-American; Scythian; Scythians; Senegalese; Serbian; Serbian-American;
    Serbs; Sicilian; Slovak; Slovene; Slovenian; Somali; South African; South American; South Korean; Soviet;
    Soviet-Russian; Soviets; Spaniards; Spanish; Spartan; Sri Lankan; Sudanese; Sumerian; Sumerians; Swedes;
    Swedish; Swiss; Swiss-American; Syrian; Tahitian; Taiwanese; Tanzanian; Tatar; Tatars; Thai; Tibetan; Tibetans;
    Trinidadian; Tunisian; Turkish; Turks; Ugandan; Ukrainian; Ukrainians; Umayyad; Uruguayan; Uzbek; Venetian;
    Venezuelan; Vietnamese; Visigoths; Welsh; Yoruba; Zimbabwean; Zulu
"""
TITLES = """
    Caliph; Chancellor; Dr.; Emperor; Empress; General; Governor; Holy Roman Emperor; Kaiser; King; Lord; Pharaoh;
    President; Prime Minister; Prince; Princess; Queen; Queen Consort; Saint; Secretary; Secretary-General; Shah;
    Sir; St.; Sultan; Tsar; Vice President
"""
# faiths, styles, ages, months, prizes, measures
OTHERS = """
    Abrahamic; AC; Academy Award; Academy Awards; AD; African; Afro-Asiatic; Afroasiatic; Age of Enlightenment;
    American Sign Language; Ancient; Anglican; Anglicanism; Anglo-Saxon; Anno Domini; Apocrypha; April; Arab;
    Arabic; Arabs; Aramaic; Art Deco; Art Nouveau; Aryan; Ashkenazi; Asian; August; Austroasiatic; Austronesian;
    BAFTA Awards; Bantu; Baroque; BC; BCE; Benedictine; Berber; Berbers; Bible; Biblical; Black Death; Bolshevik;
    Bolsheviks; Brahmin; Broadway; Buddhism; Buddhist; Buddhists; Byzantine; Calvinism; Calvinist; Cambrian;
    Carboniferous; Carolingian; Cartesian; Catholic; Catholicism; Catholics; Caucasian; CE; Celsius; Celtic; Celts;
    Cenozoic; Christian; Christianity; Christians; Christmas; Classical; Cold War; Communism; Communist; Communists;
    Confucian; Confucianism; CPU; Creole; Cretaceous; Crusaders; Crusades; December; Devonian; DNA; Dominican;
    Dravidian; Early Middle Ages; Easter; Eastern; Elizabethan; Emmy; Emmy Awards; English-language;
    English-speaking; Enlightenment; Eocene; Epicurean; Eucharist; Euclidean; Eurasian; European; Europeans;
    Eurovision; Fahrenheit; Fascism; Fascist; February; First World War; Franciscan; French Revolution;
    French-speaking; Friday; GDP; German-speaking; Germanic; Golden Age; Golden Globe Awards; Gospel; Gospels;
    Gothic; Grammy; Grammy Award; Grammy Awards; Grand Slam; Great Depression; Gregorian; Habsburg; Hanukkah;
    Hasidic; Hebrew; Hebrews; Hellenistic; High Middle Ages; Hindi; Hindu; Hinduism; Hindus; HIV; Holocaust;
    Holocene; Homo; Impressionism; Impressionist; Indigenous; Indo-Aryan; Indo-European; Indo-Iranian;
    Industrial Revolution; Internet; Islam; Islamic; Islamist; Italian Renaissance; Jain; Jainism; January; Jesuit;
    Jewish; Jews; Judaism; Julian; July; June; Jurassic; Koran; Late Middle Ages; Latin; Latinised; Latinized;
    Leninism; Leninist; Lent; Lutheran; Lutheranism; Lutherans; Mandarin; Maoist; March; Marxism; Marxist; Marxists;
    May; Menshevik; Mesozoic; Methodist; Middle Ages; Middle Kingdom; Miocene; Modernism; Modernist; Monday; Mormon;
    Mughal; Muslim; Muslims; Nazi; Nazis; Nazism; Neoclassical; Neolithic; Neoplatonism; New Kingdom; New Testament;
    Nobel laureate; Nobel Peace Prize; Nobel Prize; Nobel Prizes; Nordic; November; October; Old English;
    Old Kingdom; Old Norse; Old Testament; Oligocene; Olympic; Olympic Games; Olympics; Ordovician; Orthodox; Oscar;
    Oscar-winning; Oscars; Ottoman; Ottomans; Paleocene; Paleolithic; Permian; Persianate; PhD; Platonic; Platonism;
    Pleistocene; Pliocene; Pop Art; Pope; Presidential Medal of Freedom; Protestant; Protestant Reformation;
    Protestantism; Protestants; Pulitzer Prize; Puritan; Quaker; Quakers; Qur'an; Quran; Ramadan; Reformation;
    Renaissance; RNA; Roma; Romanesque; Romantic; Romanticism; Sabbath; Sanskrit; Saturday; Second World War;
    Semitic; September; Shi'a; Shia; SI; Sikh; Sikhism; Sikhs; Sinhalese; Slavic; Slavs; Socratic; Spanish-language;
    Stalinism; Stalinist; Stoic; Stoicism; Sufi; Sufism; Sunday; Sunni; Surrealism; Surrealist; Tai; Talmud; Tamil;
    Tamils; Taoism; Taoist; Theravada; Thursday; Tony Award; Torah; Triassic; Trotskyism; Tuesday; Turkic; TV;
    UNESCO World Heritage Site; Upanishads; Vedas; Vedic; Victorian; Viking; Vikings; Wednesday; Western;
    World Heritage Site; World War; World War I; World War II; X-ray; X-rays; Yiddish; Zen; Zionism; Zionist;
    Zoroastrian; Zoroastrianism
"""
